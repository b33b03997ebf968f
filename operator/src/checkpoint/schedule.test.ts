import { describe, expect, it } from 'vitest';
import { resources } from '../kube/index.ts';
import { World } from '../workspace/simulation/world.ts';

const minute = 60_000;
const every5 = { cron: '*/5 * * * *' };
const condition = (world: World) =>
  world.workspace?.status?.conditions?.find(({ type }) => type === 'CheckpointsScheduled');
const scheduledOnes = (world: World) =>
  world.server.all(resources.checkpoints).filter(({ spec }) => spec.trigger === 'Schedule');
async function look(world: World): Promise<void> {
  world.catchUp();
  world.listen();
  await world.reconcile();
}
/** The clock begins at midnight of 1 January 2026, UTC. */
async function awake(schedule: object, spec: object = {}): Promise<World> {
  const world = new World();
  world.createWorkspace({ runPolicy: 'Always', checkpoint: { ...spec, schedule } });
  await world.settle(8);
  expect(world.workspace?.status?.phase).toBe('Running');
  return world;
}

describe('checkpoints on a schedule', () => {
  it('are taken when they are due, once each', async () => {
    const world = await awake(every5);
    expect(condition(world)).toMatchObject({ status: 'True', reason: 'Scheduled' });
    expect(world.workspace?.status?.schedule?.next).toMatch('2026-01-01T00:05:00');
    world.now += 4 * minute;
    await world.settle(4);
    expect(scheduledOnes(world)).toEqual([]);
    world.now += minute;
    await world.settle(8);
    expect(scheduledOnes(world)).toMatchObject([
      { metadata: { name: 'hello-at-202601010005' }, status: { phase: 'Completed', sequence: 1 } },
    ]);
    world.now += 5 * minute;
    await world.settle(8);
    expect(scheduledOnes(world).map(({ metadata }) => metadata.name)).toEqual([
      'hello-at-202601010005',
      'hello-at-202601010010',
    ]);
    expect(world.agent?.held).toBe(false);
  });

  it('are asked for once, whichever write the operator dies before or after', async () => {
    for (const after of [false, true]) {
      for (let writes = 0; writes < 4; writes += 1) {
        const world = await awake(every5);
        world.now += 5 * minute;
        world.catchUp();
        world.listen();
        await world.reconcile({ writes, after });
        await world.settle(12);
        expect(scheduledOnes(world)).toHaveLength(1);
        expect(scheduledOnes(world)[0]?.status?.phase).toBe('Completed');
      }
    }
  });

  it('are made up for once where nobody was there for several', async () => {
    const world = await awake(every5);
    world.now += 24 * minute;
    await world.settle(8);
    expect(scheduledOnes(world)).toHaveLength(1);
    expect(world.workspace?.status?.schedule?.next).toMatch('2026-01-01T00:25:00');
  });

  it('are none of the times in which the workspace sleeps', async () => {
    const world = await awake(every5);
    world.editWorkspace({ spec: { runPolicy: 'Auto' } });
    await world.settle(80);
    expect(world.workspace?.status?.phase).toBe('Suspended');
    const before = world.server.writes;
    world.now += 60 * minute;
    await look(world);
    expect(world.server.writes).toBe(before);
    world.send();
    await world.settle(8);
    expect(scheduledOnes(world)).toEqual([]);
  });

  it('wait for work that is under way, and do not pile up', async () => {
    const world = await awake(every5);
    world.send();
    await look(world);
    world.now += 5 * minute;
    for (let round = 0; round < 3; round += 1) {
      await look(world);
      world.now += 5 * minute;
    }
    expect(scheduledOnes(world)).toMatchObject([{ status: { phase: 'Pending', reason: 'Busy' } }]);
    await world.settle(12);
    expect(scheduledOnes(world)[0]?.status?.phase).toBe('Completed');
  });

  it('have their files where that is asked for', async () => {
    const world = await awake({ ...every5, volumeSnapshot: true }, { volumeSnapshotClassName: 'standard' });
    world.now += 5 * minute;
    await world.settle(12);
    expect(scheduledOnes(world)[0]?.status).toMatchObject({ volumeSnapshot: { readyToUse: true } });
  });

  it('are meant in their time zone, also where a clock is changed', async () => {
    const world = await awake({ cron: '30 2 * * *', timeZone: 'Europe/Berlin' });
    expect(world.workspace?.status?.schedule?.next).toMatch('2026-01-01T01:30:00');
    world.now = Date.UTC(2026, 5, 1);
    await world.settle(8);
    expect(world.workspace?.status?.schedule?.next).toMatch('2026-06-01T00:30:00');
  });

  it.each([
    [{ cron: '61 * * * *' }, 'hello'],
    [{ cron: '0 0 30 2 *' }, 'names no time'],
    [{ cron: '@daily', timeZone: 'Europe/Nowhere' }, 'Nowhere'],
  ])('say what is wrong with %j', async (schedule, words) => {
    const world = await awake(schedule);
    expect(condition(world)).toMatchObject({
      status: 'False',
      reason: 'ScheduleInvalid',
      message: expect.stringContaining(words),
    });
    world.editWorkspace({ spec: { checkpoint: { schedule: null } } });
    await world.settle(8);
    expect(condition(world)?.reason).toBe('NotAsked');
  });
});
