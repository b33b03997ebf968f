import { createHash } from 'node:crypto';
import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type RunningAgent, TestWorkspace } from '../testing/workspace.ts';

let workspace: TestWorkspace;
afterEach(() => workspace.close());

const service = { name: 'web', command: ['serve'], restart: 'Always' as const };
const background = (flags: string) =>
  `tool Bash {"command":"sleep 60","run_in_background":true,"ignorable":true${flags}}`;

async function work(agent: RunningAgent, key: string, text: string): Promise<void> {
  await agent.send(key, text);
  await agent.settled(key);
  await agent.stateWhen((state) => !state.busy && state.tools === 'ready');
}

async function checkpoint(agent: RunningAgent, sequence: number, hold = true) {
  const body = { sequence, trigger: 'Idle', hold };
  expect((await agent.call('POST', '/v1/checkpoints', body)).status).toBe(202);
  const state = await agent.stateWhen(
    (it) => it.checkpoint?.sequence === sequence && it.checkpoint.phase !== 'InProgress',
  );
  return state.checkpoint;
}

const manifestPath = (sequence: number) =>
  join(workspace.state, `checkpoints/0000000${sequence}/manifest.json`);

describe('a checkpoint', () => {
  it('holds turns, stops processes, and its manifest has the digest that it reports', async () => {
    workspace = await TestWorkspace.create({ services: [service] });
    const agent = await workspace.start();
    await work(agent, 'm1', 'say: hi');
    const state = await checkpoint(agent, 1);
    expect(state).toMatchObject({ phase: 'Completed', hold: true, sessions: 1, processes: { services: 1 } });
    const { text, status } = await agent.call('GET', '/v1/checkpoints/1/manifest');
    expect(status).toBe(200);
    expect(`sha256:${createHash('sha256').update(text).digest('hex')}`).toBe(state?.digest);
    for (const file of JSON.parse(text).files) {
      const bytes = (await readFile(join(workspace.state, file.path))).subarray(0, file.length);
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(file.sha256);
    }
    expect(workspace.tools.stopping).toBe(true);
    await expect(agent.send('m2', 'say: no')).rejects.toMatchObject({ status: 409 });
    expect((await agent.record('m2')).key).toBeUndefined();
    // What is known may be asked for at any time.
    expect((await agent.send('m1', 'say: hi')).phase).toBe('Completed');
  });

  it('that is released lets turns go on and starts processes again', async () => {
    workspace = await TestWorkspace.create({ services: [service] });
    const agent = await workspace.start();
    await work(agent, 'm1', background(',"restartable":true'));
    await checkpoint(agent, 1);
    expect((await agent.call('DELETE', '/v1/checkpoints/1')).body).toMatchObject({
      phase: 'Completed',
      hold: false,
    });
    expect(workspace.tools.stopping).toBe(false);
    expect(workspace.tools.services).toHaveLength(1);
    expect(workspace.tools.restored).toHaveLength(1);
    await work(agent, 'm2', 'say: on');
    expect((await agent.record('m2')).reply?.text).toBe('on');
    expect((await agent.call('DELETE', '/v1/checkpoints/7')).status).toBe(404);
  });

  it('that is cancelled at any moment leaves a workspace that works, and no half checkpoint', async () => {
    workspace = await TestWorkspace.create({ services: [service] });
    const agent = await workspace.start();
    await work(agent, 'm0', 'say: hi');
    for (let sequence = 1; sequence <= 8; sequence += 1) {
      const [begun, ended] = await Promise.all([
        agent.call('POST', '/v1/checkpoints', { sequence, trigger: 'Idle', hold: true }),
        agent.call('DELETE', `/v1/checkpoints/${sequence}`),
      ]);
      expect(begun.status).toBe(202);
      // The cancel may have overtaken it.
      if (ended.status === 404) await agent.call('DELETE', `/v1/checkpoints/${sequence}`);
      await agent.send(`m${sequence}`, 'say: on');
      expect((await agent.settled(`m${sequence}`)).reply?.text).toBe('on');
      await agent.stateWhen((state) => !state.busy);
      expect(workspace.tools.services).toHaveLength(1);
    }
    for (const name of await readdir(join(workspace.state, 'checkpoints'))) expect(name).toMatch(/^\d{8}$/);
  });

  it('is refused while a turn runs, with the reasons', async () => {
    workspace = await TestWorkspace.create();
    const agent = await workspace.start();
    await agent.send('m1', 'run: exec sleep 60');
    await workspace.commandBegins();
    const { status, body } = await agent.call('POST', '/v1/checkpoints', {
      sequence: 1,
      trigger: 'Idle',
      hold: true,
    });
    expect(status).toBe(409);
    expect(body.error).toMatchObject({ code: 'busy', details: [{ kind: 'turn', session: 'main' }] });
  });

  it('taken by hand stops nothing and holds nothing', async () => {
    workspace = await TestWorkspace.create({ services: [service] });
    const agent = await workspace.start();
    await work(agent, 'm1', background(''));
    expect(await checkpoint(agent, 1, false)).toMatchObject({
      phase: 'Completed',
      processes: { services: 1, background: 1 },
    });
    expect(workspace.tools.stopping).toBe(false);
    expect((await agent.state()).background).toHaveLength(1);
    await work(agent, 'm2', 'say: on');
  });

  it('is pruned beyond checkpoint.keep, and numbers never go back', async () => {
    workspace = await TestWorkspace.create();
    const agent = await workspace.start();
    for (const sequence of [1, 2, 3]) await checkpoint(agent, sequence, false);
    expect(await readdir(join(workspace.state, 'checkpoints'))).toEqual(['00000002', '00000003']);
    const again = await agent.call('POST', '/v1/checkpoints', {
      sequence: 2,
      trigger: 'Manual',
      hold: false,
    });
    expect(again).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } });
  });
});

describe('a wake', () => {
  it('after a checkpoint starts services and restartable tasks, and tells the model what ended', async () => {
    workspace = await TestWorkspace.create({ services: [service] });
    const first = await workspace.start();
    await work(first, 'm1', `${background(',"restartable":true')}\n${background('')}`);
    await checkpoint(first, 1);
    await first.stop();
    workspace.tools.loseProcesses();
    const second = await workspace.start();
    const state = await second.stateWhen(({ tools }) => tools === 'ready');
    expect(state.restore).toMatchObject({
      sequence: 1,
      outcome: 'Checkpoint',
      processes: 'Restarted',
      rejected: [],
    });
    expect(state.restore.restarted).toEqual(['service web', expect.stringContaining('background task')]);
    expect(state.restore.ended).toHaveLength(1);
    expect(state.background).toHaveLength(1);
    await work(second, 'm2', 'say: ok');
    const prompt = (await second.transcript()).find((entry) => entry.messageKey === 'm2');
    expect(JSON.stringify(prompt.message.content)).toContain('was not started again');
  });

  it.each([
    ['its manifest was cut short', async () => truncate(manifestPath(2), 40), /cut short/],
    [
      'its copy was damaged',
      async () => writeFile(manifestPath(2).replace('manifest.json', 'events.jsonl'), 'x'),
      /copy/,
    ],
    [
      'a log does not match',
      async () => {
        const bytes = await readFile(manifestPath(2), 'utf8');
        await writeFile(manifestPath(2), bytes.replace(/"sha256": "[0-9a-f]{4}/, '"sha256": "0000'));
      },
      /does not match its digest/,
    ],
  ])('uses the checkpoint before, loses nothing and says why when %s', async (_, damage, reason) => {
    workspace = await TestWorkspace.create();
    const first = await workspace.start();
    await work(first, 'm1', 'remember: one');
    await checkpoint(first, 1, false);
    await work(first, 'm2', 'remember: two');
    await checkpoint(first, 2);
    await first.stop();
    await damage();
    const second = await workspace.start();
    const { restore, lastSequence } = await second.state();
    expect(restore).toMatchObject({
      sequence: 1,
      rejected: [{ sequence: 2, reason: expect.stringMatching(reason) }],
    });
    expect(lastSequence).toBe(2);
    await work(second, 'm3', 'recall');
    expect((await second.record('m3')).reply?.text).toBe('one\ntwo');
  });

  it('keeps the number of an event, and goes on after what was seen', async () => {
    workspace = await TestWorkspace.create();
    const first = await workspace.start();
    await work(first, 'm1', 'say: hi');
    const { cursor } = await first.state();
    await first.stop();
    const second = await workspace.start();
    expect((await second.state()).cursor).toBeGreaterThanOrEqual(cursor);
  });

  it('is no activity', async () => {
    workspace = await TestWorkspace.create();
    const first = await workspace.start();
    await work(first, 'm1', 'say: hi');
    const { lastActivityAt } = await first.state();
    await first.stop();
    const second = await workspace.start();
    await second.stateWhen(({ tools }) => tools === 'ready');
    expect(Date.parse((await second.state()).lastActivityAt)).toBeLessThanOrEqual(Date.parse(lastActivityAt));
  });
});
