import { describe, expect, it } from 'vitest';
import { resources } from '../kube/index.ts';
import { World } from './simulation/world.ts';

/** An operator that dies at the write of this number, before it reached the API server or after. */
interface Cut {
  write: number;
  after: boolean;
}

/** Sleeps with a snapshot three times, of which one checkpoint is kept. Answers how many writes that took. */
async function live(world: World, cut?: Cut): Promise<number> {
  let writes = 0;
  const { onWrite } = world.server;
  world.server.onWrite = () => {
    writes += 1;
    onWrite();
  };
  world.createWorkspace({ checkpoint: { volumeSnapshotClassName: 'standard', keep: 1 } });
  for (const _sleep of [1, 2, 3]) {
    world.send();
    for (let round = 0; round < 90; round += 1) {
      world.kubelet();
      world.agent?.work();
      world.agent?.progress('Completed');
      world.snapshotter('ready');
      world.snapshotter('cut');
      world.catchUp();
      world.listen();
      const left = cut === undefined ? -1 : cut.write - writes;
      await world.reconcile(left < 0 ? undefined : { writes: left, after: cut?.after ?? false });
      expect(world.violations).toEqual([]);
      world.now += 250;
    }
  }
  return writes;
}

describe('wherever the operator dies in the life of a workspace', () => {
  it('it sleeps with its newest checkpoint and the snapshot of that, and the older ones are gone', async () => {
    const writes = await live(new World());
    expect(writes).toBeGreaterThan(30);
    for (let write = 0; write < writes; write += 1) {
      for (const after of [false, true]) {
        const world = new World();
        await live(world, { write, after });
        await world.settle(60);
        const said = `write ${write}, ${after ? 'after' : 'before'}`;
        expect(world.violations, said).toEqual([]);
        expect(world.workspace?.status?.phase, said).toBe('Suspended');
        expect(
          world.messages.map(({ status }) => status?.phase),
          said,
        ).toEqual(Array(3).fill('Completed'));
        const checkpoints = world.server.all(resources.checkpoints);
        expect(
          checkpoints.map(({ metadata }) => metadata.name),
          said,
        ).toEqual([world.workspace?.status?.checkpoint?.name]);
        expect(
          world.volumeSnapshots.map(({ metadata }) => metadata.name),
          said,
        ).toEqual(world.named);
        expect(world.named, said).toHaveLength(1);
      }
    }
  }, 120_000);
});
