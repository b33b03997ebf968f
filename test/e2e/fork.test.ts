import { type AgentCheckpoint, type AgentWorkspace, apiVersion } from '@dormouse/crds';
import { describe, expect, it, vi } from 'vitest';
import { type KubernetesObject, reference } from '../support/cluster.ts';
import { tokenWith } from '../support/gateway.ts';
import { run } from '../support/program.ts';
import { needSnapshots } from '../support/snapshots.ts';
import { suite } from '../support/suite.ts';
import { textOf, type WorkspaceInput } from '../support/workspaces.ts';

const here = suite('fork');
const snapshotClass = 'standard';
const withSnapshots: WorkspaceInput = { checkpoint: { volumeSnapshotClassName: snapshotClass } };

/** Works, sleeps, works on: the name of the checkpoint in between. */
async function originWith(name: string): Promise<string> {
  const { workspaces } = here;
  await workspaces.create(name, withSnapshots);
  await workspaces.ask(name, 'remember: the heron nests on the north bank');
  await workspaces.ask(name, 'write notes.txt: three eggs');
  await workspaces.asleep(name);
  const checkpoint = (await workspaces.get(name)).status?.checkpoint?.name ?? '';
  await workspaces.ask(name, 'remember: the ferry is late');
  await workspaces.ask(name, 'write notes.txt: four eggs');
  return checkpoint;
}

const from = (checkpoint: string): WorkspaceInput => ({
  ...withSnapshots,
  source: { checkpointRef: { name: checkpoint } },
});

describe('a fork', () => {
  it('has the files and the conversation of its checkpoint, goes its own way, and leaves the origin alone', async (context) => {
    await needSnapshots(here.cluster, context);
    const { workspaces } = here;
    const checkpoint = await originWith('origin');
    await workspaces.condition('origin', 'SnapshotTaken', 'True', 'Taken');

    await workspaces.create('branch', from(checkpoint));
    const recalled = await workspaces.ask('branch', 'recall');
    expect(recalled).toContain('the heron nests on the north bank');
    expect(recalled).not.toContain('the ferry is late');
    expect(await workspaces.ask('branch', 'run: cat notes.txt')).toContain('three eggs');
    const origin = await workspaces.get('origin');
    expect((await workspaces.get('branch')).status?.forkedFrom).toMatchObject({
      workspace: 'origin',
      workspaceUID: origin.metadata.uid,
      checkpoint,
      sequence: await workspaces.sequence(checkpoint),
    });
    const told = (await workspaces.transcript('branch')).filter((line) =>
      textOf(line).includes('is a fork of workspace'),
    );
    expect(told).toHaveLength(1);

    await workspaces.ask('branch', 'write notes.txt: five eggs');
    expect(await workspaces.ask('origin', 'run: cat notes.txt')).toContain('four eggs');
    expect(await workspaces.ask('origin', 'recall')).toContain('the ferry is late');

    const slept = await workspaces.asleep('branch');
    const { name, sequence } = slept.status?.checkpoint ?? {};
    expect(name).toBe(`branch-${sequence}`);
    expect(await workspaces.ask('branch', 'run: cat notes.txt')).toContain('five eggs');
    expect(await workspaces.ask('branch', 'recall')).toContain('the heron nests on the north bank');
  });

  it('outlives its origin, and several begin at once', async (context) => {
    await needSnapshots(here.cluster, context);
    const { cluster, workspaces } = here;
    const checkpoint = await originWith('parent');
    const names = ['one', 'two', 'three'];
    await Promise.all(names.map((name) => workspaces.create(name, from(checkpoint))));
    await Promise.all(names.map((name) => workspaces.ask(name, `write mine.txt: ${name}`)));
    await cluster.delete(workspaces.reference('parent'));
    for (const name of names) {
      expect(await workspaces.ask(name, 'run: cat notes.txt mine.txt')).toMatch(
        new RegExp(`three eggs[^]*${name}`),
      );
    }
  });

  it('begins with a checkpoint that was taken by hand, while its origin works on', async (context) => {
    await needSnapshots(here.cluster, context);
    const { cluster, workspaces } = here;
    await workspaces.create('busy', { ...withSnapshots, runPolicy: 'Always' });
    await workspaces.ask('busy', 'write notes.txt: one egg');
    await cluster.create({
      apiVersion,
      kind: 'AgentCheckpoint',
      metadata: { name: 'by-hand', namespace: workspaces.namespace },
      spec: { workspaceRef: { name: 'busy' }, volumeSnapshot: true },
    } as KubernetesObject);
    await workspaces.create('early', from('by-hand'));
    const taken = await cluster.waitFor<KubernetesObject & AgentCheckpoint>(
      reference(apiVersion, 'AgentCheckpoint', 'by-hand', workspaces.namespace),
      'completed',
      (checkpoint) => checkpoint?.status?.phase === 'Completed',
    );
    expect(taken?.status?.volumeSnapshot?.name).toBe('by-hand');
    await workspaces.ask('busy', 'write notes.txt: two eggs');
    expect(await workspaces.ask('early', 'run: cat notes.txt')).toContain('one egg');
    expect(await workspaces.ask('busy', 'run: cat notes.txt')).toContain('two eggs');
  });

  it('of a workspace begins with its newest checkpoint that has a snapshot, as soon as there is one', async (context) => {
    await needSnapshots(here.cluster, context);
    const { workspaces } = here;
    await workspaces.create('latest', { ...withSnapshots, runPolicy: 'Always' });
    await workspaces.ask('latest', 'write notes.txt: one egg');
    await workspaces.create('follows', { ...withSnapshots, source: { workspaceRef: { name: 'latest' } } });
    expect(await workspaces.condition('follows', 'StorageReady', 'False', 'SourceNotReady')).toContain(
      'dormouse checkpoint latest --snapshot',
    );
    await here.cluster.create({
      apiVersion,
      kind: 'AgentCheckpoint',
      metadata: { name: 'newest', namespace: workspaces.namespace },
      spec: { workspaceRef: { name: 'latest' }, volumeSnapshot: true },
    } as KubernetesObject);
    expect(await workspaces.ask('follows', 'run: cat notes.txt')).toContain('one egg');
    expect((await workspaces.get('follows')).status?.forkedFrom).toMatchObject({ checkpoint: 'newest' });
  });

  it('says what is missing where its checkpoint has no snapshot', async (context) => {
    await needSnapshots(here.cluster, context);
    const { workspaces } = here;
    await workspaces.create('plain');
    await workspaces.ask('plain', 'say: hello');
    const { status } = await workspaces.asleep('plain');
    await workspaces.create('stuck', from(status?.checkpoint?.name ?? ''));
    expect(await workspaces.condition('stuck', 'StorageReady', 'False', 'SourceUnusable')).toContain(
      'volumeSnapshotClassName',
    );
  });
});

describe('a fork from another namespace', () => {
  it('needs the right to it there, and then is one like any other, and leaves nothing behind', async (context) => {
    await needSnapshots(here.cluster, context);
    const { cluster, workspaces } = here;
    const checkpoint = await originWith('shared');
    await workspaces.asleep('shared');
    const { namespace } = workspaces;
    const other = `${namespace}-other`;
    await cluster.create({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: other },
    } as KubernetesObject);
    context.onTestFinished(() => cluster.delete(reference('v1', 'Namespace', other)));
    await tokenWith(cluster, other, 'guest', ['dormouse-edit']);
    const fork = (source: object) => ({
      apiVersion,
      kind: 'AgentWorkspace',
      metadata: { name: 'guest', namespace: other },
      spec: { ...spec, source },
    });
    const spec = (await workspaces.get('shared')).spec;
    const account = ['--as', `system:serviceaccount:${other}:guest`];
    const create = (source: object) =>
      run('kubectl', ['create', '-f', '-', ...account], { input: JSON.stringify(fork(source)) });
    const named = { checkpointRef: { name: checkpoint, namespace } };
    const refused = await create(named);
    expect(refused.stderr).toContain(
      `may not fork AgentCheckpoint "${checkpoint}" of namespace "${namespace}"`,
    );
    expect((await create({ workspaceRef: { name: 'shared', namespace } })).stderr).toContain(
      'may not fork AgentWorkspace "shared"',
    );

    await cluster.create({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'fork-shared', namespace },
      rules: [
        {
          apiGroups: ['dormouse.dev'],
          resources: ['agentcheckpoints/fork'],
          resourceNames: [checkpoint],
          verbs: ['fork'],
        },
      ],
    } as unknown as KubernetesObject);
    await cluster.create({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'fork-shared', namespace },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'fork-shared' },
      subjects: [{ kind: 'ServiceAccount', name: 'guest', namespace: other }],
    } as unknown as KubernetesObject);
    // The API server learns of a right by its own watch.
    await vi.waitFor(async () => expect(await create(named)).toMatchObject({ code: 0 }), 20_000);
    const at = reference(apiVersion, 'AgentWorkspace', 'guest', other);
    const running = await cluster.waitFor<KubernetesObject & AgentWorkspace>(
      at,
      'running or asleep',
      (found) => found?.status?.phase === 'Running' || found?.status?.phase === 'Suspended',
      120_000,
    );
    expect(running?.status?.forkedFrom).toMatchObject({
      namespace,
      workspace: 'shared',
      checkpoint,
      sequence: await workspaces.sequence(checkpoint),
    });
    await cluster.create({
      apiVersion,
      kind: 'AgentMessage',
      metadata: { name: 'ask', namespace: other },
      spec: { workspaceRef: { name: 'guest' }, text: 'run: cat notes.txt' },
    } as unknown as KubernetesObject);
    const answered = await cluster.waitFor<
      KubernetesObject & { status?: { phase?: string; reply?: { text: string } } }
    >(
      reference(apiVersion, 'AgentMessage', 'ask', other),
      'answered',
      (found) => found?.status?.phase === 'Completed',
      60_000,
    );
    expect(answered?.status?.reply?.text).toContain('three eggs');
    const contents = 'VolumeSnapshotContent';
    await cluster.waitFor(
      reference('snapshot.storage.k8s.io/v1', contents, `dormouse-fork-${running?.metadata.uid}`),
      'gone',
      (found) => found === undefined,
      60_000,
    );
    // The data stays the origin's: it is forked again.
    await workspaces.create('again', from(checkpoint));
    expect(await workspaces.ask('again', 'run: cat notes.txt')).toContain('three eggs');
  });
});

describe('a workspace whose snapshots cannot be taken', () => {
  it('sleeps all the same, and says so', async (context) => {
    await needSnapshots(here.cluster, context);
    const { workspaces } = here;
    await workspaces.create('unlucky', { checkpoint: { volumeSnapshotClassName: 'no-such-class' } });
    await workspaces.ask('unlucky', 'say: hello');
    await workspaces.asleep('unlucky', 150_000);
    await workspaces.condition('unlucky', 'SnapshotTaken', 'False', 'SnapshotFailed');
    const [checkpoint] = await workspaces.checkpoints('unlucky');
    expect(checkpoint?.status).toMatchObject({ phase: 'Completed', reason: 'SnapshotFailed' });
  });
});
