import { apiVersion } from '@dormouse/crds';
import { describe, expect, it } from 'vitest';
import { resources } from '../kube/index.ts';
import { World } from './simulation/world.ts';

const fork = { source: { checkpointRef: { name: 'ada-3' } } };
const storage = (world: World) =>
  world.workspace?.status?.conditions?.find((each) => each.type === 'StorageReady');

function putCheckpoint(world: World, status: object): void {
  const at = { namespace: 'team', name: 'ada-3' };
  world.server.insert(resources.checkpoints, {
    metadata: at,
    spec: { workspaceRef: { name: 'ada' }, trigger: 'Idle' },
  });
  world.server.changeStatus(resources.checkpoints, at, { phase: 'Completed', sequence: 3, ...status });
}

function putSnapshot(world: World): void {
  const owner = { apiVersion, kind: 'AgentWorkspace', name: 'ada', uid: 'uid-of-ada', controller: true };
  world.server.insert(resources.volumeSnapshots, {
    metadata: { namespace: 'team', name: 'snap', ownerReferences: [owner] },
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
