import { z } from 'zod';
import { objectName } from './scalars.ts';

/** Headers whose values are in Secrets, which the gateway adds to what it asks in place of a workspace. */
export function headersFrom(description: string) {
  return z
    .array(
      z.object({
        name: z
          .string()
          .min(1)
          .max(128)
          .regex(/^[A-Za-z0-9-]+$/)
          .meta({
            description: 'The header.',
            patternMessage: 'must be the name of a header: letters, digits and "-"',
          }),
        secretKeyRef: z
          .object({
            name: objectName.meta({ description: 'A Secret of the namespace of the workspace.' }),
            key: z.string().min(1).max(253).meta({ description: 'Which of its values.' }),
          })
          .meta({ description: 'Where its value is.' }),
      }),
    )
    .min(1)
    .max(8)
    .optional()
    .meta({
      description,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
    });
}
