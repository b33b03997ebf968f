import { z } from 'zod';

/**
 * A Go-style duration such as `8s`, `15m` or `1h30m`. Units: ms, s, m, h. Whatever passes fits into Go's int64 of
 * nanoseconds (292 years): two numbers of six digits are the most that 16 characters hold.
 */
export const duration = z
  .string()
  .min(1)
  .max(16)
  .regex(/^([0-9]{1,6}(\.[0-9]{1,3})?(ms|s|m|h))+$/)
  .meta({
    description: 'A Go-style duration: a sum of numbers with units, such as 8s, 15m or 1h30m.',
    patternMessage:
      'must be a duration: numbers of at most six digits, each with a unit of ms, s, m or h, such as 8s, 15m or 1h30m',
  });

/** A Kubernetes quantity such as `2Gi`, `500M` or `1`. */
export const quantity = z
  .string()
  .min(1)
  .max(32)
  .regex(/^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$/)
  .meta({
    description: 'A Kubernetes quantity, such as 500Mi or 2Gi.',
    patternMessage: 'must be a Kubernetes quantity, such as 500Mi or 2Gi',
  });

/** An RFC 3339 instant, as the API server writes them. */
export const timestamp = z.iso.datetime({ offset: true }).meta({ description: 'An RFC 3339 instant.' });

/** A UTC day. */
export const utcDay = z
  .string()
  .max(10)
  .regex(/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/)
  .meta({ patternMessage: 'must be a day such as 2026-11-23' });

/** A DNS label: what a Kubernetes label value, a pod's host name and a claim's name all accept. */
export const dnsLabel = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
  .meta({ patternMessage: 'must be of a-z, 0-9 and "-", and begin and end with a letter or a digit' });

/** The name of an object; dots allowed. */
export const objectName = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/)
  .meta({
    patternMessage:
      'must be the name of an object: a-z, 0-9, "-" and ".", beginning and ending with a letter or a digit',
  });

/** A reference to an object of the same namespace, or to a cluster-scoped one. */
export const objectReference = z.object({
  name: objectName.meta({ description: 'The name of the object.' }),
});
export type ObjectReference = z.infer<typeof objectReference>;

/** Which `metadata.generation` a status speaks of. */
export const observedGeneration = z
  .int()
  .min(0)
  .optional()
  .meta({ description: 'The metadata.generation that this was written for.' });

/** A standard Kubernetes condition. */
export const condition = z.object({
  type: z.string().max(316).meta({ description: 'What the condition speaks about, in CamelCase.' }),
  status: z
    .enum(['True', 'False', 'Unknown'])
    .meta({ description: 'Whether it holds; Unknown: not known, or not asked yet.' }),
  observedGeneration,
  lastTransitionTime: timestamp.meta({ description: 'When the status changed last.' }),
  reason: z.string().max(1024).meta({ description: 'One CamelCase word for programs.' }),
  message: z.string().max(32768).meta({ description: 'A sentence for people.' }),
});
export type Condition = z.infer<typeof condition>;

/** Milliseconds of a Go-style duration that {@link duration} accepted. */
export function milliseconds(text: string): number {
  const unit = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;
  let total = 0;
  for (const [, amount, name] of text.matchAll(/([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)/g)) {
    total += Number(amount) * unit[name as keyof typeof unit];
  }
  return total;
}
