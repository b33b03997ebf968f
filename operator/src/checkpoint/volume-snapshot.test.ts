import { describe, expect, it } from 'vitest';
import { resources } from '../kube/index.ts';
import { name } from '../workspace/simulation/names.ts';
import { World } from '../workspace/simulation/world.ts';

const asked = { checkpoint: { volumeSnapshotClassName: 'standard' } };
const condition = (world: World) =>
  world.workspace?.status?.conditions?.find((each) => each.type === 'SnapshotTaken');
const checkpoints = (world: World) => world.server.all(resources.checkpoints);
async function look(world: World): Promise<void> {
  world.catchUp();
  world.listen();
  await world.reconcile();
}

/** A workspace whose checkpoint is complete, and whose snapshot is asked for. */
async function quiet(spec: object = asked): Promise<World> {
  const world = new World();
  world.createWorkspace(spec);
  await world.settle(8);
  world.now += 20_000;
  await look(world);
  world.agent?.progress('Completed');
  await look(world);
  return world;
}

/** A workspace that runs, with a checkpoint by hand which waits for its snapshot. */
async function byHand(spec: object = asked): Promise<World> {
  const world = new World();
  world.createWorkspace(spec);
  await world.settle(8);
  world.requestCheckpoint(true);
  await look(world);
  world.agent?.progress('Completed');
  await look(world);
  return world;
}

describe('a sleep with a snapshot', () => {
  it('keeps the pod, held, until the snapshot is cut, and records both together', async () => {
    const world = await quiet();
    expect(world.volumeSnapshots).toMatchObject([
      {
        metadata: { name: 'hello-1', labels: { 'dormouse.dev/workspace': 'hello' } },
        spec: { source: { persistentVolumeClaimName: 'hello' }, volumeSnapshotClassName: 'standard' },
      },
    ]);
    world.now += 5_000;
    await look(world);
    expect(world.pod).toBeDefined();
    expect(world.agent?.held).toBe(true);
    expect(checkpoints(world)).toEqual([]);

    world.snapshotter('cut');
    await look(world);
    expect(world.pod).toBeUndefined();
    expect(checkpoints(world)[0]?.status).toMatchObject({
      phase: 'Completed',
      volumeSnapshot: { name: 'hello-1', readyToUse: false },
    });
    await look(world);
    expect(world.workspace?.status?.phase).toBe('Suspended');
    expect(condition(world)).toMatchObject({ status: 'True', reason: 'Taken' });

    world.snapshotter('ready');
    await look(world);
    expect(checkpoints(world)[0]?.status?.volumeSnapshot).toEqual({
      name: 'hello-1',
      readyToUse: true,
      restoreSize: '2Gi',
    });
    expect(world.violations).toEqual([]);
  });

  it('turns back where a message comes, and leaves no snapshot behind', async () => {
    const world = await quiet();
    world.send();
    await look(world);
    expect(world.workspace?.status?.phase).toBe('Running');
    await look(world);
    expect(world.volumeSnapshots).toEqual([]);
    expect(world.violations).toEqual([]);
  });

  it('records no snapshot that was cut after the agent had let go, unheard', async () => {
    for (const world of [await quiet(), await byHand()]) {
      world.agent?.crash();
      world.snapshotter('cut');
      world.catchUp();
      await world.reconcile();
      expect(world.named).toEqual([]);
      expect(world.violations).toEqual([]);
    }
  });

  it('goes on without where the snapshot fails, and says so', async () => {
    const world = await quiet();
    world.snapshotter('fails');
    world.now += 20_000;
    await look(world);
    await look(world);
    expect(world.workspace?.status?.phase).toBe('Suspended');
    expect(checkpoints(world)[0]?.status).toMatchObject({
      phase: 'Completed',
      reason: 'SnapshotFailed',
      message: expect.stringContaining('no space'),
    });
    expect(condition(world)).toMatchObject({ status: 'False', reason: 'SnapshotFailed' });
    await look(world);
    expect(world.volumeSnapshots).toEqual([]);
  });

  it('goes on without where the cluster has no snapshots, and says so', async () => {
    const world = new World();
    Object.defineProperty(world.caches.volumeSnapshots, 'installed', { value: false });
    world.createWorkspace(asked);
    await world.settle(80);
    expect(world.workspace?.status?.phase).toBe('Suspended');
    expect(condition(world)).toMatchObject({ status: 'False', reason: 'NotInstalled' });
    expect(world.volumeSnapshots).toEqual([]);
  });

  it('does not take a snapshot of that name for its own which belongs to something else', async () => {
    const world = new World();
    world.createWorkspace(asked);
    world.server.insert(resources.volumeSnapshots, {
      metadata: { namespace: 'team', name: 'hello-1', labels: { 'dormouse.dev/workspace': 'hello' } },
      spec: { source: { persistentVolumeClaimName: 'other' } },
    });
    await world.settle(80);
    expect(world.workspace?.status?.phase).toBe('Suspended');
    expect(checkpoints(world)[0]?.status).toMatchObject({
      reason: 'SnapshotFailed',
      message: expect.stringContaining('belongs to something else'),
    });
    expect(world.volumeSnapshots).toHaveLength(1);
  });
});

describe('a checkpoint by hand with a snapshot', () => {
  it('holds turns until the snapshot is cut, and lets them go on', async () => {
    const world = await byHand();
    expect(world.volumeSnapshots).toMatchObject([{ metadata: { name: 'by-hand-1' } }]);
    world.send();
    await look(world);
    expect(world.agent?.held).toBe(true);
    expect(world.messages[0]?.status?.phase).toBeUndefined();
    world.snapshotter('cut');
    await look(world);
    expect(checkpoints(world)[0]?.status).toMatchObject({
      phase: 'Completed',
      sequence: 1,
      volumeSnapshot: { name: 'by-hand-1' },
    });
    await look(world);
    expect(world.agent?.held).toBe(false);
    await world.settle(8);
    expect(world.messages[0]?.status?.phase).toBe('Completed');
    expect(world.violations).toEqual([]);
  });

  it('lets turns go on where somebody deletes it, also where the watch says so before the answer to a write comes', async () => {
    const world = new World();
    world.createWorkspace(asked);
    await world.settle(8);
    world.requestCheckpoint(true);
    world.catchUp();
    world.server.onWrite = () => {
      world.deleteCheckpoint();
      world.catchUp();
    };
    await world.reconcile();
    world.server.onWrite = () => world.check();
    world.agent?.progress('Completed');
    expect(world.agent?.held).toBe(true);
    await world.settle(4);
    expect(world.agent?.held).toBe(false);
    expect(world.volumeSnapshots).toEqual([]);
  });

  it('is complete without where that fails, and lets turns go on', async () => {
    const world = await byHand();
    world.snapshotter('fails');
    world.now += 20_000;
    await look(world);
    await look(world);
    expect(checkpoints(world)[0]?.status).toMatchObject({ phase: 'Completed', reason: 'SnapshotFailed' });
    expect(world.agent?.held).toBe(false);
  });

  it('says which field is missing where the workspace names no class', async () => {
    const world = await byHand({});
    expect(checkpoints(world)[0]?.status).toMatchObject({
      phase: 'Completed',
      message: expect.stringContaining('spec.checkpoint.volumeSnapshotClassName'),
    });
    await look(world);
    expect(world.agent?.held).toBe(false);
  });

  it('gets the snapshot of the newest checkpoint while the workspace sleeps', async () => {
    const world = await quiet();
    await world.settle(8);
    world.requestCheckpoint(true);
    await look(world);
    expect(checkpoints(world).map((each) => each.status?.volumeSnapshot?.name)).toEqual([
      'hello-1',
      'hello-1',
    ]);
    world.deleteCheckpoint();
    await look(world);
    expect(world.volumeSnapshots).toHaveLength(1);
  });
});

describe('a snapshot', () => {
  it('goes with the checkpoint that names it, by hand or beyond keep', async () => {
    const world = await quiet({ checkpoint: { ...asked.checkpoint, keep: 1 } });
    await world.settle(8);
    world.send();
    await world.settle(80);
    expect(world.volumeSnapshots.map((each) => each.metadata.name)).toEqual(['hello-2']);
    world.deleteCheckpoint();
    await look(world);
    expect(world.volumeSnapshots).toEqual([]);
  });

  it('is not removed by an operator that has not seen yet which checkpoint names it', async () => {
    const world = await quiet();
    await world.settle(8);
    world.restartOperator();
    world.caches.checkpoints.rewind(10);
    await world.reconcile();
    expect(world.volumeSnapshots).toHaveLength(1);
    expect(world.violations).toEqual([]);
  });

  it('stays as long as a fork waits for it', async () => {
    const world = await quiet({ checkpoint: { ...asked.checkpoint, keep: 1 } });
    await world.settle(8);
    const fork = { namespace: 'team', name: 'fork' };
    world.server.insert(resources.workspaces, {
      metadata: fork,
      spec: { ...world.workspace?.spec, source: { checkpointRef: { name: 'hello-1' } } } as never,
    });
    world.send();
    await world.settle(80);
    expect(world.volumeSnapshots.map((each) => each.metadata.name)).toEqual(['hello-1', 'hello-2']);
    world.server.insert(resources.persistentVolumeClaims, { metadata: fork, spec: {} });
    world.server.changeStatus(resources.persistentVolumeClaims, fork, { phase: 'Bound' });
    world.send();
    await world.settle(80);
    expect(world.volumeSnapshots.map((each) => each.metadata.name)).toEqual(['hello-3']);
    expect(world.workspace?.metadata.name).toBe(name.name);
  });
});
