import { apiVersion } from '@dormouse/crds';
import { describe, expect, it } from 'vitest';
import { resources } from '../kube/index.ts';
import { World } from './simulation/world.ts';

const fork = { source: { checkpointRef: { name: 'ada-3' } } };
const storage = (world: World) =>
  world.workspace?.status?.conditions?.find((each) => each.type === 'StorageReady');

function putCheckpoint(world: World, status: object, namespace = 'team'): void {
  const at = { namespace, name: 'ada-3' };
  world.server.insert(resources.checkpoints, {
    metadata: at,
    spec: { workspaceRef: { name: 'ada' }, trigger: 'Idle' },
  });
  world.server.changeStatus(resources.checkpoints, at, { phase: 'Completed', sequence: 3, ...status });
}

function putSnapshot(world: World, namespace = 'team'): void {
  const owner = { apiVersion, kind: 'AgentWorkspace', name: 'ada', uid: 'uid-of-ada', controller: true };
  world.server.insert(resources.volumeSnapshots, {
    metadata: { namespace, name: 'snap', ownerReferences: [owner] },
    spec: { source: { persistentVolumeClaimName: 'ada' } },
  });
}

async function begin(prepare: (world: World) => void, spec: object = fork): Promise<World> {
  const world = new World();
  prepare(world);
  world.createWorkspace(spec);
  await world.settle(4);
  return world;
}
const ready = { volumeSnapshot: { name: 'snap', readyToUse: true, restoreSize: '1Gi' } };
const configOf = (world: World) => {
  const [secret] = world.server.all(resources.secrets) as { data?: Record<string, string> }[];
  return JSON.parse(Buffer.from(secret?.data?.['config.json'] ?? '', 'base64').toString());
};

describe('a workspace that is made from a checkpoint', () => {
  it('gets a claim from its snapshot, and tells its agent whose files these were', async () => {
    const world = await begin((it) => {
      putCheckpoint(it, ready);
      putSnapshot(it);
    });
    expect(world.claim?.spec?.dataSource).toEqual({
      apiGroup: 'snapshot.storage.k8s.io',
      kind: 'VolumeSnapshot',
      name: 'snap',
    });
    expect(world.workspace?.status?.forkedFrom).toEqual({
      workspace: 'ada',
      workspaceUID: 'uid-of-ada',
      checkpoint: 'ada-3',
      sequence: 3,
      volumeSnapshot: 'snap',
    });
    const source = { workspace: { namespace: 'team', name: 'ada', uid: 'uid-of-ada' }, sequence: 3 };
    expect(configOf(world).source).toEqual(source);

    world.server.remove(resources.checkpoints, { namespace: 'team', name: 'ada-3' });
    world.server.remove(resources.volumeSnapshots, { namespace: 'team', name: 'snap' });
    await world.settle(8);
    expect(world.workspace?.status?.phase).toBe('Running');
    expect(configOf(world).source).toEqual(source);
  });

  it('has what it came from in its status before there is a claim, whenever the operator dies', async () => {
    for (let writes = 0; writes < 6; writes += 1) {
      const world = new World();
      putCheckpoint(world, ready);
      putSnapshot(world);
      world.createWorkspace(fork);
      world.catchUp();
      await world.reconcile({ writes, after: true });
      if (world.claim !== undefined) expect(world.workspace?.status?.forkedFrom).toBeDefined();
      await world.settle(8);
      expect(world.claim?.spec?.dataSource).toMatchObject({ name: 'snap' });
      expect(configOf(world).source).toMatchObject({ sequence: 3 });
    }
  });

  it('waits for the snapshot to be ready', async () => {
    const world = await begin((it) => {
      putCheckpoint(it, { volumeSnapshot: { name: 'snap', readyToUse: false } });
      putSnapshot(it);
    });
    expect(storage(world)).toMatchObject({ reason: 'SourceNotReady' });
    expect(world.workspace?.status?.phase).toBe('Pending');
    expect(world.claim).toBeUndefined();
    world.server.changeStatus(resources.checkpoints, { namespace: 'team', name: 'ada-3' }, ready);
    await world.settle(8);
    expect(world.workspace?.status?.phase).toBe('Running');
  });

  it.each([
    ['there is no such checkpoint', () => undefined, fork, 'there is none of that name'],
    [
      'it has no snapshot',
      (it: World) => putCheckpoint(it, {}),
      fork,
      'neither a VolumeSnapshot nor an archive',
    ],
    ['its snapshot is gone', (it: World) => putCheckpoint(it, ready), fork, 'is gone'],
    [
      'the volume is too small',
      (it: World) => {
        putCheckpoint(it, ready);
        putSnapshot(it);
      },
      { ...fork, storage: { size: '512Mi' } },
      'Raise spec.storage.size',
    ],
  ])('says what to do where %s', async (_story, prepare, spec, words) => {
    const world = await begin(prepare, spec);
    expect(world.workspace?.status?.phase).toBe('Failed');
    expect(storage(world)).toMatchObject({
      reason: 'SourceUnusable',
      message: expect.stringContaining(words),
    });
    expect(world.claim).toBeUndefined();
    expect(world.pod).toBeUndefined();
  });

  it('of a workspace gets the newest checkpoint that has a snapshot, and waits for one', async () => {
    const world = await begin(() => undefined, { source: { workspaceRef: { name: 'ada' } } });
    expect(storage(world)).toMatchObject({
      reason: 'SourceNotReady',
      message: expect.stringContaining('dormouse checkpoint ada --snapshot --namespace team'),
    });
    putCheckpoint(world, ready);
    putSnapshot(world);
    await world.settle(8);
    expect(world.workspace?.status?.forkedFrom).toMatchObject({
      workspace: 'ada',
      checkpoint: 'ada-3',
      sequence: 3,
    });
    expect(world.claim?.spec?.dataSource).toMatchObject({ name: 'snap' });
  });

  it('does not take up a claim that an earlier workspace of its name left', async () => {
    const labels = { 'dormouse.dev/workspace': 'hello' };
    const world = await begin((it) => {
      putCheckpoint(it, ready);
      putSnapshot(it);
      it.server.insert(resources.persistentVolumeClaims, {
        metadata: { namespace: 'team', name: 'hello', labels },
        spec: {},
      });
    });
    expect(storage(world)).toMatchObject({
      reason: 'SourceUnusable',
      message: expect.stringContaining('exists already'),
    });
    expect(world.pod).toBeUndefined();
  });
});

describe('a workspace that is made from a checkpoint of another namespace', () => {
  const elsewhere = { source: { checkpointRef: { name: 'ada-3', namespace: 'shared' } } };
  const imported = { namespace: 'team', name: 'hello-origin' };
  const contentOf = (world: World) =>
    world.server.read(resources.volumeSnapshotContents, {
      name: `dormouse-fork-${world.workspace?.metadata.uid}`,
    });

  function prepare(world: World): void {
    putCheckpoint(world, ready, 'shared');
    putSnapshot(world, 'shared');
    world.server.changeStatus(
      resources.volumeSnapshots,
      { namespace: 'shared', name: 'snap' },
      { boundVolumeSnapshotContentName: 'content' },
    );
    world.server.insert(resources.volumeSnapshotContents, {
      metadata: { name: 'content' },
      spec: {
        driver: 'csi',
        deletionPolicy: 'Delete',
        source: { volumeHandle: 'v' },
        volumeSnapshotRef: { namespace: 'shared', name: 'snap' },
      },
    });
    world.server.changeStatus(
      resources.volumeSnapshotContents,
      { name: 'content' },
      { snapshotHandle: 'handle' },
    );
  }

  it('gets a snapshot of its own of the same data, which goes when its claim is bound, whenever the operator dies', async () => {
    for (let writes = 0; writes < 9; writes += 1) {
      const world = new World();
      prepare(world);
      world.createWorkspace(elsewhere);
      world.catchUp();
      await world.reconcile({ writes, after: true });
      if (world.claim !== undefined) expect(contentOf(world)).toBeDefined();
      if (world.claim === undefined) await world.reconcile();
      await world.settle(8);
      expect(world.claim?.spec?.dataSource).toMatchObject({ name: 'hello-origin' });
      expect(world.workspace?.status?.forkedFrom).toMatchObject({ namespace: 'shared', workspace: 'ada' });
      expect(configOf(world).source.workspace).toEqual({
        namespace: 'shared',
        name: 'ada',
        uid: 'uid-of-ada',
      });
      expect(world.workspace?.status?.phase).toBe('Running');
      expect(world.server.read(resources.volumeSnapshots, imported)).toBeUndefined();
      expect(contentOf(world)).toBeUndefined();
      expect(world.server.read(resources.volumeSnapshotContents, { name: 'content' })).toBeDefined();
      expect(world.violations).toEqual([]);
    }
  });

  it('gets nothing that its status names and its source does not', async () => {
    const world = new World();
    prepare(world);
    world.server.insert(resources.checkpoints, {
      metadata: { namespace: 'shared', name: 'secret-1' },
      spec: { workspaceRef: { name: 'ada' }, trigger: 'Idle' },
    });
    const volumeSnapshot = { name: 'snap', readyToUse: true };
    const secret = { namespace: 'shared', name: 'secret-1' };
    world.server.changeStatus(resources.checkpoints, secret, {
      phase: 'Completed',
      sequence: 1,
      volumeSnapshot,
    });
    world.createWorkspace(elsewhere);
    const forged = { namespace: 'shared', workspace: 'ada', workspaceUID: 'uid-of-ada', sequence: 1 };
    world.server.changeStatus(
      resources.workspaces,
      { namespace: 'team', name: 'hello' },
      {
        forkedFrom: { ...forged, checkpoint: 'secret-1', volumeSnapshot: 'snap' },
      },
    );
    await world.settle(4);
    expect(storage(world)?.message).toContain('is not what spec.source names');
    expect(world.claim).toBeUndefined();
    expect(contentOf(world)).toBeUndefined();
  });

  it('says what is gone where the data cannot be had any more', async () => {
    const world = await begin((it) => {
      prepare(it);
      it.server.remove(resources.volumeSnapshotContents, { name: 'content' });
    }, elsewhere);
    expect(storage(world)).toMatchObject({
      reason: 'ClaimRefused',
      message: expect.stringContaining('VolumeSnapshot snap of namespace shared is gone'),
    });
    expect(world.claim).toBeUndefined();
  });
});
