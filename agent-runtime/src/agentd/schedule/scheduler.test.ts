import { afterEach, expect, it } from 'vitest';
import { eventually, type RunningAgent, TestWorkspace } from '../testing/workspace.ts';

let workspace: TestWorkspace | undefined;
afterEach(async () => {
  await workspace?.close();
  workspace = undefined;
});

async function say(agent: RunningAgent, key: string, text: string): Promise<string | undefined> {
  await agent.send(key, text);
  return (await agent.settled(key)).reply?.text;
}

/** The texts of all prompts, once there are so many. */
const prompts = (agent: RunningAgent, count: number) =>
  eventually(
    async () =>
      (await agent.transcript().catch(() => []))
        .filter((entry) => entry.messageKey !== undefined)
        .map((entry) => String(entry.message.content)),
    (texts) => texts.length >= count,
  );

it('a session is given the prompt that it asked for, once, and the workspace is idle until then', async () => {
  workspace = await TestWorkspace.create();
  const agent = await workspace.start();
  const before = Date.now();
  const reply = await say(
    agent,
    'm1',
    'remember: one\ntool ScheduleWakeup {"delaySeconds": 1, "prompt": "recall"}',
  );
  expect(reply).toMatch(/Scheduled \w{8}: once at /);
  const waiting = await agent.stateWhen((state) => !state.busy);
  expect(Date.parse(waiting.nextWakeAt ?? '')).toBeGreaterThanOrEqual(before + 1_000);
  expect(await prompts(agent, 2)).toEqual([expect.stringContaining('remember: one'), 'recall']);
  const after = await agent.stateWhen((state) => !state.busy && state.nextWakeAt === undefined);
  expect(after.openMessages).toBe(0);
  expect((await agent.call('GET', '/v1/schedules')).body).toEqual([]);
});

it('what came due while nobody was awake is given once after the next start', async () => {
  workspace = await TestWorkspace.create();
  const agent = await workspace.start();
  await say(agent, 'm1', 'tool ScheduleWakeup {"delaySeconds": 1, "prompt": "say: late"}');
  const due = Date.parse((await agent.state()).nextWakeAt ?? '');
  await agent.stop();
  await eventually(
    async () => Date.now(),
    (now) => now > due,
  );
  const again = await workspace.start();
  expect(await prompts(again, 2)).toHaveLength(2);
  await again.stop();
  const third = await workspace.start();
  await say(third, 'm3', 'say: on');
  expect(await prompts(third, 3)).toHaveLength(3);
});

it('a crash at any moment neither loses nor doubles it', async () => {
  workspace = await TestWorkspace.create();
  const agent = await workspace.spawn();
  await say(agent, 'm1', 'tool ScheduleWakeup {"delaySeconds": 1, "prompt": "wait: 0.3"}');
  await prompts(agent, 2);
  await agent.stop();
  const again = await workspace.spawn();
  await again.stateWhen((state) => state.openMessages === 0);
  await say(again, 'm2', 'say: on');
  const keys = (await again.transcript()).flatMap((entry) => entry.messageKey ?? []);
  expect(keys.filter((key) => key.startsWith('schedule-'))).toHaveLength(1);
});

it('nothing is given while a checkpoint is held, and at once when it is released', async () => {
  workspace = await TestWorkspace.create();
  const agent = await workspace.start();
  await say(agent, 'm1', 'tool ScheduleWakeup {"delaySeconds": 1, "prompt": "say: after"}');
  await agent.stateWhen((state) => !state.busy && state.tools === 'ready');
  await agent.call('POST', '/v1/checkpoints', { sequence: 1, trigger: 'Idle', hold: true });
  const held = await agent.stateWhen(
    (state) => state.checkpoint?.phase === 'Completed' && Date.parse(state.nextWakeAt ?? '') < Date.now(),
  );
  expect(held.openMessages).toBe(0);
  expect(await prompts(agent, 1)).toHaveLength(1);
  await agent.call('DELETE', '/v1/checkpoints/1');
  expect(await prompts(agent, 2)).toHaveLength(2);
});

it('/loop repeats a prompt, round after round, until it is ended', async () => {
  workspace = await TestWorkspace.create();
  const agent = await workspace.start();
  expect(await say(agent, 'm1', '/loop 1s say: round')).toBe('round');
  const [loop] = (await agent.call('GET', '/v1/schedules')).body;
  expect(loop).toMatchObject({ session: 'main', prompt: 'say: round', rhythm: 'every 1s' });
  expect((await prompts(agent, 3))[0]).toContain(`given again every 1s, by schedule ${loop.id}`);
  expect(await say(agent, 'm2', 'tool CronList {}')).toContain(loop.id);
  expect(await say(agent, 'm3', `tool CronDelete {"id": "${loop.id}"}`)).toBe(`Ended ${loop.id}.`);
  expect((await agent.call('GET', '/v1/schedules')).body).toEqual([]);
  expect((await agent.state()).nextWakeAt).toBeUndefined();
});

it('a loop without an interval is told how to go on, and one without a prompt is refused', async () => {
  workspace = await TestWorkspace.create();
  const agent = await workspace.start();
  expect(await say(agent, 'm1', '/loop say: look')).toBe('look');
  expect((await prompts(agent, 1))[0]).toContain('call ScheduleWakeup');
  await agent.send('m2', '/loop 5m');
  expect(await agent.settled('m2')).toMatchObject({
    phase: 'Failed',
    reason: 'CommandFailed',
    message: expect.stringContaining('/loop takes a prompt'),
  });
});

it('is bounded by the class, and what cannot be is said', async () => {
  workspace = await TestWorkspace.create({ schedules: { most: 1 } });
  const agent = await workspace.start();
  const cron = (expression: string) => `tool CronCreate {"cron": "${expression}", "prompt": "say: x"}`;
  expect(await say(agent, 'm1', cron('0 9 * *'))).toContain('is no cron expression of five fields');
  expect(await say(agent, 'm2', cron('0 9 * * 1-5'))).toMatch(
    /Scheduled \w{8}: by cron 0 9 \* \* 1-5 \(UTC\), next /,
  );
  expect(await say(agent, 'm3', cron('0 9 * * 1-5'))).toContain('allows 1. End one with CronDelete.');
  const [only] = (await agent.call('GET', '/v1/schedules')).body;
  expect((await agent.call('DELETE', `/v1/schedules/${only.id}`)).body).toEqual(only);
  expect((await agent.call('DELETE', `/v1/schedules/${only.id}`)).status).toBe(404);
  expect(await say(agent, 'm4', 'tool CronDelete {"id": "nope"}')).toContain('has no schedule nope');
});
