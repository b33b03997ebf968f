/** Every fixture against a real API server: the CRDs' schemas and rules, and the ceilings' admission policy. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { kinds } from '@dormouse/crds';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { ApiError, connect, type KubernetesObject } from '../support/cluster.ts';
import { installDefinitions, readObjects } from '../support/definitions.ts';
import { type Fixture, fixtures } from './fixture.ts';

const cluster = connect();
const classes = readObjects(fileURLToPath(new URL('classes.yaml', import.meta.url)));
const reference = fileURLToPath(new URL('../../docs/reference', import.meta.url));
const pages = kinds.map(({ singular }) => `${singular}.md`);
let namespace: AsyncDisposable & { name: string };

beforeAll(async () => {
  await installDefinitions(cluster);
  namespace = await cluster.namespace('conformance');
  for (const object of classes) await cluster.apply(object);
  await rulesInForce();
});

afterAll(async () => {
  for (const object of classes) await cluster.delete(object);
  await namespace?.[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

const groups = Map.groupBy(fixtures(), ({ path }) => path.split('/')[0] ?? '');
for (const [group, members] of groups) {
  describe(group, () => {
    test.each(members)('$story ($path)', async (fixture) => {
      const answer = await verdict(fixture);
      if (fixture.refused !== undefined) {
        expect(answer).toBeInstanceOf(ApiError);
        expect((answer as ApiError).message).toContain(fixture.refused);
        return;
      }
      if (answer instanceof ApiError) throw answer;
      expect(answer).toMatchObject(fixture.stored ?? {});
      for (const field of fixture.dropped ?? []) expect(answer).not.toHaveProperty(field);
    });
  });
}

test.each(pages)('the API server takes the example of docs/reference/%s', async (page) => {
  const text = readFileSync(join(reference, page), 'utf8');
  const object = parse(/```yaml\n(.*?)```/s.exec(text)?.[1] ?? '') as KubernetesObject;
  // Under a name of its own: a class is cluster-wide, and one of the documented name may well be there.
  const renamed = { ...object, metadata: { ...object.metadata, name: 'documented-example' } };
  await cluster.create(inNamespace(renamed), { dryRun: true });
});

/** The stored object or the refusal. Only a change needs an object that is really there. */
async function verdict({ object, change }: Fixture): Promise<KubernetesObject | ApiError> {
  const placed = inNamespace(object);
  if (change === undefined) return refusalOr(cluster.create(placed, { dryRun: true }));
  await cluster.create(placed);
  try {
    return await refusalOr(cluster.patch(placed, change));
  } finally {
    await cluster.delete(placed);
  }
}

async function refusalOr(answer: Promise<KubernetesObject>): Promise<KubernetesObject | ApiError> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
}

function inNamespace(object: KubernetesObject): KubernetesObject {
  if (object.kind === 'AgentWorkspaceClass') return object;
  return { ...object, metadata: { ...object.metadata, namespace: namespace.name } };
}

/**
 * The API server reads definitions, policies and classes through caches of its own: what is new counts some time after it
 * was stored. So this waits until it refuses what it should, but not for ever: then the tests say which rule is missing.
 */
async function rulesInForce(): Promise<void> {
  const probes = fixtures().filter(({ refused, change }) => refused !== undefined && change === undefined);
  const limit = AbortSignal.timeout(10_000);
  while (!limit.aborted) {
    const answers = await Promise.all(probes.map(verdict));
    if (probes.every((fixture, index) => isRefused(answers[index], fixture))) return;
    await pause(100);
  }
}

function isRefused(answer: KubernetesObject | ApiError | undefined, { refused = '' }: Fixture): boolean {
  return answer instanceof ApiError && answer.message.includes(refused);
}
