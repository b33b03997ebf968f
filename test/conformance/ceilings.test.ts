/**
 * The ceilings over the life of a workspace. The API server learns of a changed class through a cache of its own, so each
 * test first waits until what it set is in force.
 */
import { randomBytes } from 'node:crypto';
import { type AgentWorkspaceClass, apiVersion, defaultClassAnnotation } from '@dormouse/crds';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { connect, type KubernetesObject, reference } from '../support/cluster.ts';
import { installDefinitions } from '../support/definitions.ts';

const cluster = connect();
const className = `ceilings-${randomBytes(3).toString('hex')}`;
const classReference = reference(apiVersion, 'AgentWorkspaceClass', className);
let namespace: AsyncDisposable & { name: string };

beforeAll(async () => {
  await installDefinitions(cluster);
  namespace = await cluster.namespace('ceilings');
});

afterAll(async () => {
  await cluster.delete(classReference);
  await namespace?.[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

function workspace(name: string, spec: object): KubernetesObject & { spec: object } {
  return {
    apiVersion,
    kind: 'AgentWorkspace',
    metadata: { name, namespace: namespace.name },
    spec: { classRef: { name: className }, ...spec },
  };
}

/** Writes the class and returns when a new workspace with `refused` meets its ceilings. */
async function classInForce(
  ceilings: Partial<AgentWorkspaceClass['spec']['ceilings']>,
  refused: object,
  annotations: Record<string, string> = {},
): Promise<void> {
  const spec = { images: { agent: 'a', workspace: 'b' }, model: { default: 'm' }, ceilings };
  const metadata = { name: className, annotations };
  await cluster.apply({ apiVersion, kind: 'AgentWorkspaceClass', metadata, spec } as KubernetesObject);
  await vi.waitFor(
    () => expect(cluster.create(workspace('probe', refused), { dryRun: true })).rejects.toThrow(className),
    { timeout: 30_000, interval: 100 },
  );
}

test('a workspace above a ceiling that was lowered keeps what it has and may change everything else', async () => {
  await classInForce({ storage: '9Gi', services: 1 }, { storage: { size: '10Gi' } });
  const before = workspace('kept', { storage: { size: '8Gi' } });
  await cluster.create(before);
  await classInForce({ storage: '4Gi', services: 1 }, { storage: { size: '8Gi' } });

  await cluster.patch(before, { spec: { idle: { after: '1m' } } });
  const services = [1, 2].map((number) => ({ name: `s${number}`, command: ['x'] }));
  await expect(cluster.patch(before, { spec: { services } })).rejects.toThrow('allows at most 1');
  await expect(cluster.patch(before, { spec: { storage: { size: '9Gi' } } })).rejects.toThrow('at most 4Gi');
});

test('the operator may report, label and finalize a workspace above its ceilings, and a user delete it', async () => {
  await classInForce({ checkpoints: 50 }, { checkpoint: { keep: 51 } });
  const before = workspace('above', { checkpoint: { keep: 50 } });
  await cluster.create(before);
  await classInForce({ checkpoints: 5 }, { checkpoint: { keep: 50 } });

  await cluster.patch(before, { metadata: { finalizers: ['dormouse.dev/workspace'] } });
  await cluster.patch(before, { status: { phase: 'Running' } }, { subresource: 'status' });
  await cluster.delete(before);
  await cluster.patch(before, { metadata: { finalizers: null } });
  await cluster.waitUntilGone(before);
});

test('a workspace that leaves its class and comes back is held to the ceilings of today', async () => {
  await classInForce({ maxTurns: 50 }, { agent: { maxTurns: 51 } });
  const before = workspace('back', { agent: { maxTurns: 50 } });
  await cluster.create(before);
  await classInForce({ maxTurns: 5 }, { agent: { maxTurns: 50 } });

  await cluster.patch(before, { spec: { classRef: { name: 'ceilings-elsewhere' } } });
  await expect(cluster.patch(before, { spec: { classRef: { name: className } } })).rejects.toThrow(
    `the AgentWorkspaceClass "${className}" allows at most 5, the workspace asks for 50`,
  );
});

// A ceiling that nobody else meets, since for a moment this is a default class of the whole cluster.
test('a workspace that names no class respects every default class, and no other', async () => {
  const asking = (maxTurns: number) => ({ classRef: null, agent: { maxTurns } });
  await classInForce({ maxTurns: 9876 }, { agent: { maxTurns: 9877 } });
  await cluster.create(workspace('unnamed', asking(9877)), { dryRun: true });

  await classInForce({ maxTurns: 9876 }, asking(9877), { [defaultClassAnnotation]: 'true' });
  await cluster.create(workspace('unnamed', asking(9876)), { dryRun: true });
  await expect(cluster.create(workspace('unnamed', asking(9877)), { dryRun: true })).rejects.toThrow(
    'at most 9876',
  );
  await cluster.delete(classReference);
});
