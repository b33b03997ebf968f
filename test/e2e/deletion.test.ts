import { describe, expect, it } from 'vitest';
import { type KubernetesObject, reference } from '../support/cluster.ts';
import { suite } from '../support/suite.ts';
import { Workspaces } from '../support/workspaces.ts';

const here = suite('deletion');

/** What belongs to a workspace, by kind; events and the default ServiceAccount are no property of it. */
async function owned(workspaces: Workspaces, name: string): Promise<string[]> {
  const { cluster, namespace } = workspaces;
  const left: string[] = [];
  for (const [apiVersion, kind] of [
    ['v1', 'Pod'],
    ['v1', 'PersistentVolumeClaim'],
    ['v1', 'Secret'],
    ['dormouse.dev/v1alpha1', 'AgentCheckpoint'],
  ] as const) {
    const found = await cluster.list<KubernetesObject & { spec?: { workspaceRef?: { name: string } } }>(
      apiVersion,
      kind,
      { namespace },
    );
    for (const object of found) {
      const mine =
        object.metadata.labels?.['dormouse.dev/workspace'] === name ||
        object.spec?.workspaceRef?.name === name;
      if (mine) left.push(`${kind} ${object.metadata.name}`);
    }
  }
  return left;
}

async function deleteAndWait(workspaces: Workspaces, name: string): Promise<void> {
  await workspaces.cluster.delete(workspaces.reference(name));
  await workspaces.cluster.waitUntilGone(workspaces.reference(name), 60_000);
  await workspaces.cluster.waitUntilGone(workspaces.pod(name), 60_000);
}

/** Garbage collection and the claim's protection take a moment of their own. */
async function nothingLeft(workspaces: Workspaces, name: string): Promise<void> {
  await workspaces.cluster.waitUntilGone(workspaces.claim(name), 60_000);
  await expect.poll(() => owned(workspaces, name), { timeout: 60_000, interval: 250 }).toEqual([]);
}

describe('deleting a workspace ends everything it owned', () => {
  it('before its pod could start', async () => {
    const { workspaces } = here;
    await workspaces.create('early');
    await deleteAndWait(workspaces, 'early');
    await nothingLeft(workspaces, 'early');
  });

  it('while it is Failed', async () => {
    const { workspaces } = here;
    await workspaces.create('failed', { classRef: { name: 'there-is-no-such-class' } });
    await workspaces.inPhase('failed', 'Failed');
    await deleteAndWait(workspaces, 'failed');
    await nothingLeft(workspaces, 'failed');
  });

  it('while it runs, in the middle of a turn', async () => {
    const { workspaces } = here;
    await workspaces.create('running');
    const message = await workspaces.send('running', 'wait: 60');
    await workspaces.messageIn(message, ['Working']);
    await deleteAndWait(workspaces, 'running');
    await nothingLeft(workspaces, 'running');
    const { status } = await workspaces.messageIn(message, ['Failed']);
    expect(status?.reason).toBe('WorkspaceDeleted');
  });

  it('while it is Checkpointing', async () => {
    const { workspaces } = here;
    await workspaces.create('going');
    // Looked for from the beginning: it may be over when the answer is read.
    await Promise.all([workspaces.inPhase('going', 'Checkpointing'), workspaces.ask('going', 'say: hello')]);
    await deleteAndWait(workspaces, 'going');
    await nothingLeft(workspaces, 'going');
  });

  it('while it sleeps', async () => {
    const { workspaces } = here;
    await workspaces.create('asleep');
    await workspaces.ask('asleep', 'say: hello');
    await workspaces.asleep('asleep');
    await deleteAndWait(workspaces, 'asleep');
    await nothingLeft(workspaces, 'asleep');
  });

  it('but keeps the claim where retain says so, and a workspace of that name finds its files again', async () => {
    const { workspaces, cluster } = here;
    await workspaces.create('kept', { storage: { retain: 'Retain' } });
    await workspaces.ask('kept', 'write kept.txt: still mine');
    await deleteAndWait(workspaces, 'kept');
    expect(await cluster.get(workspaces.claim('kept'))).toBeDefined();
    await workspaces.create('kept', { storage: { retain: 'Delete' } });
    expect(await workspaces.ask('kept', 'run: cat kept.txt')).toContain('still mine');
    await deleteAndWait(workspaces, 'kept');
    await nothingLeft(workspaces, 'kept');
  });

  it('and deleting its namespace does not hang', async () => {
    const { cluster } = here;
    const { name } = await cluster.namespace('e2e-doomed');
    const doomed = new Workspaces(cluster, name);
    await doomed.create('one');
    await doomed.create('two', { storage: { retain: 'Retain' } });
    await doomed.ask('one', 'say: hello');
    await doomed.send('two', 'wait: 60');
    const namespace = reference('v1', 'Namespace', name);
    await cluster.delete(namespace);
    await cluster.waitUntilGone(namespace, 90_000);
  });
});
