import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { apiVersion } from '@dormouse/crds';
import { parse } from 'yaml';
import { z } from 'zod';
import type { KubernetesObject } from '../support/cluster.ts';

const folder = fileURLToPath(new URL('fixtures', import.meta.url));

/** One object and what the API server must say to it. Neither `refused` nor `stored`: it must be accepted. */
const schema = z.strictObject({
  /** The behaviour, as a sentence: the name of the test. */
  story: z.string().min(1),
  kind: z.enum(['AgentWorkspace', 'AgentWorkspaceClass', 'AgentMessage', 'AgentCheckpoint']),
  /** `apiVersion`, `kind`, namespace and, unless given, the name are put in. */
  object: z.looseObject({ metadata: z.record(z.string(), z.unknown()).optional() }),
  /** A long text that nobody wants to read in a file. */
  repeat: z.object({ field: z.string(), text: z.string(), times: z.int() }).optional(),
  /** A merge patch: the verdict is about this change, and the object before it must be accepted. */
  change: z.record(z.string(), z.unknown()).optional(),
  /** Part of the sentence of the refusal. */
  refused: z.string().optional(),
  /** What the answer must contain: defaults. */
  stored: z.record(z.string(), z.unknown()).optional(),
  /** Top-level fields that the answer must not contain. */
  dropped: z.array(z.string()).optional(),
});

export type Fixture = Omit<z.output<typeof schema>, 'object'> & { path: string; object: KubernetesObject };

/** Every fixture, with whole objects. */
export function fixtures(): Fixture[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.yaml'))
    .sort()
    .map((path) => {
      const fixture = schema.parse(parse(readFileSync(join(folder, path), 'utf8')));
      return { ...fixture, path, object: whole(fixture, basename(path, '.yaml')) };
    });
}

function whole(fixture: z.output<typeof schema>, name: string): KubernetesObject {
  const { metadata } = fixture.object;
  const named = metadata?.name !== undefined || metadata?.generateName !== undefined;
  const object = {
    ...structuredClone(fixture.object),
    apiVersion,
    kind: fixture.kind,
    metadata: { ...(named ? {} : { name }), ...metadata } as KubernetesObject['metadata'],
  };
  if (fixture.repeat !== undefined) fill(object, fixture.repeat);
  return object;
}

function fill(object: object, { field, text, times }: { field: string; text: string; times: number }): void {
  const steps = field.split('.');
  const last = steps.pop() ?? '';
  const parent = steps.reduce(
    (at, step) => at[step] as Record<string, unknown>,
    object as Record<string, unknown>,
  );
  parent[last] = text.repeat(times);
}
