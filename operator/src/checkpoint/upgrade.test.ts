import { describe, expect, it } from 'vitest';
import { resources } from '../kube/index.ts';
import { World } from '../workspace/simulation/world.ts';

const asked = { checkpoint: { volumeSnapshotClassName: 'standard' } };
const kept = (world: World) =>
  world.server.all(resources.checkpoints).filter(({ spec }) => spec.trigger === 'BeforeUpgrade');

async function asleep(spec: object): Promise<World> {
  const world = new World();
  world.createWorkspace(spec);
  await world.settle(90);
  expect(world.workspace?.status).toMatchObject({ phase: 'Suspended', agentImage: 'agent:1' });
  return world;
}

describe('a wake with another image of the agent', () => {
  it('keeps a checkpoint first, with its files', async () => {
    const world = await asleep(asked);
    world.editClass('agent:2');
    world.send();
    await world.settle(12);
    expect(kept(world)).toMatchObject([
      {
        metadata: { name: 'hello-upgrade-1' },
        status: { phase: 'Completed', sequence: 1, volumeSnapshot: { name: 'hello-1' } },
      },
    ]);
    expect(world.workspace?.status).toMatchObject({ phase: 'Running', agentImage: 'agent:2' });
    expect(world.messages[0]?.status?.phase).toBe('Completed');
    expect(world.violations).toEqual([]);
  });

  it('takes the files where the sleep did not, and has them before the new agent writes', async () => {
    const world = await asleep({});
    world.editClass('agent:2');
    world.editWorkspace({ spec: asked });
    world.send();
    world.catchUp();
    await world.reconcile();
    expect(world.pod).toBeUndefined();
    expect(world.volumeSnapshots).toMatchObject([{ metadata: { name: 'hello-1' } }]);
    await world.settle(12);
    expect(kept(world)[0]?.status).toMatchObject({ sequence: 1, volumeSnapshot: { name: 'hello-1' } });
    expect(world.workspace?.status?.phase).toBe('Running');
    expect(world.violations).toEqual([]);
  });

  it('is not kept from happening by a snapshot that fails', async () => {
    const world = await asleep({});
    world.editClass('agent:2');
    world.editWorkspace({ spec: asked });
    world.send();
    for (let round = 0; round < 200 && world.pod === undefined; round += 1) {
      world.catchUp();
      await world.reconcile();
      world.snapshotter('fails');
      world.now += 500;
    }
    expect(world.pod).toBeDefined();
    expect(kept(world)[0]?.status).toMatchObject({ phase: 'Completed', reason: 'SnapshotFailed' });
  });

  it('keeps nothing where the image is the same', async () => {
    const world = await asleep(asked);
    world.send();
    await world.settle(12);
    expect(kept(world)).toEqual([]);
  });
});

describe('pruning', () => {
  it('keeps the newest checkpoint with files, however many came after it', async () => {
    const world = await asleep({ checkpoint: { volumeSnapshotClassName: 'standard', keep: 1 } });
    world.editWorkspace({ spec: { checkpoint: { volumeSnapshotClassName: null } } });
    for (let sleep = 0; sleep < 3; sleep += 1) {
      world.send();
      await world.settle(80);
    }
    const names = world.server.all(resources.checkpoints).map(({ metadata }) => metadata.name);
    expect(names).toEqual(['hello-1', 'hello-4']);
    expect(world.volumeSnapshots).toHaveLength(1);
  });
});
