import { afterEach, describe, expect, it } from 'vitest';
import type { RuntimeConfig } from '../../protocol/config.ts';
import { eventually, type RunningAgent, TestWorkspace } from '../testing/workspace.ts';

let workspace: TestWorkspace;
afterEach(() => workspace.close());

const service = { name: 'web', command: ['serve'], restart: 'Always' as const };

async function made(checkpoint: Partial<RuntimeConfig['checkpoint']> = {}): Promise<RunningAgent> {
  workspace = await TestWorkspace.create({
    services: [service],
    checkpoint: { processes: 'Restore', ...checkpoint },
  });
  workspace.tools.images = 'whole';
  const agent = await workspace.start();
  await work(agent, 'm1', 'tool Bash {"command":"sleep 60","run_in_background":true,"ignorable":true}');
  return agent;
}

async function work(agent: RunningAgent, key: string, text: string): Promise<void> {
  await agent.send(key, text);
  await agent.settled(key);
  await agent.stateWhen((state) => !state.busy && state.tools === 'ready');
}

async function checkpoint(agent: RunningAgent, sequence: number) {
  const body = { sequence, trigger: 'Idle', hold: true };
  // The one before may still be letting go.
  await eventually(
    () => agent.call('POST', '/v1/checkpoints', body),
    ({ status }) => status === 202,
  );
  const state = await agent.stateWhen(
    (it) => it.checkpoint?.sequence === sequence && it.checkpoint.phase !== 'InProgress',
  );
  return state.checkpoint;
}

const manifest = async (agent: RunningAgent, sequence: number) =>
  JSON.parse((await agent.call('GET', `/v1/checkpoints/${sequence}/manifest`)).text);

/** The next pod. */
async function wake(agent: RunningAgent): Promise<RunningAgent> {
  await agent.stop();
  workspace.tools.loseProcesses();
  workspace.tools.stopping = true;
  return workspace.start();
}

const promptOf = async (agent: RunningAgent, key: string) =>
  JSON.stringify((await agent.transcript()).find((entry) => entry.messageKey === key).message.content);

describe('a checkpoint with process images', () => {
  it('names them with their digests; the wake restores them and tells the model once', async () => {
    const first = await made();
    expect(await checkpoint(first, 1)).toMatchObject({ phase: 'Completed' });
    const [task] = (await first.state()).background;
    const { images } = await manifest(first, 1);
    expect(images).toMatchObject([
      { kind: 'service', id: 'web', files: [{ name: 'pages-1.img', bytes: 4096 }] },
      { kind: 'background', id: task?.id },
    ]);
    const second = await wake(first);
    const state = await second.stateWhen(({ tools }) => tools === 'ready');
    expect(state.restore).toMatchObject({
      outcome: 'Checkpoint',
      processes: 'Restored',
      restored: ['service web', expect.stringContaining(`background task ${task?.id}`)],
      restarted: [],
      ended: [],
    });
    expect(state.restore.problem).toBeUndefined();
    expect(state.background.map(({ id }) => id)).toEqual([task?.id]);
    expect(workspace.tools.restored).toEqual([]);
    await work(second, 'm2', 'say: on');
    expect(await promptOf(second, 'm2')).toMatch(/service web, background task .* go on where they were/);
    await work(second, 'm3', 'say: on');
    expect(await promptOf(second, 'm3')).not.toContain('woke up');
  });

  it('holds turns at the wake until the processes are back', async () => {
    const first = await made();
    await checkpoint(first, 1);
    const { promise, resolve } = Promise.withResolvers<void>();
    workspace.tools.restoring = promise;
    const second = await wake(first);
    await second.send('m2', 'run: true');
    expect((await second.record('m2')).phase).toBe('Queued');
    expect(workspace.tools.commands).not.toContain('true');
    resolve();
    await second.settled('m2');
    expect(await promptOf(second, 'm2')).toContain('go on where they were');
  });

  it('that do not restore: what can be starts afresh, what cannot is gone, and the reason is told', async () => {
    const first = await made();
    await checkpoint(first, 1);
    const [task] = (await first.state()).background;
    workspace.tools.lost.set('web', 'its image does not match');
    workspace.tools.lost.set(task?.id ?? '', 'its process id is taken');
    const second = await wake(first);
    const { restore } = await second.stateWhen(({ tools }) => tools === 'ready');
    expect(restore).toMatchObject({ processes: 'Restarted', restored: [], restarted: ['service web'] });
    expect(restore.ended).toHaveLength(1);
    expect(restore.problem).toMatchObject({ reason: 'RestoreFailed' });
    expect(restore.problem?.message).toMatch(
      /service web: its image does not match; .*its process id is taken/,
    );
    await work(second, 'm2', 'say: on');
    expect(await promptOf(second, 'm2')).toMatch(/service web were started afresh; .* are gone/);
  });

  it('fails where a process cannot be dumped, as often as it is asked', async () => {
    const agent = await made();
    workspace.tools.dumpFailure = 'service web cannot be dumped: it watches files';
    for (const sequence of [1, 2, 3, 4]) {
      expect(await checkpoint(agent, sequence)).toMatchObject({
        phase: 'Failed',
        reason: 'DumpFailed',
        message: 'service web cannot be dumped: it watches files',
      });
    }
    expect((await agent.state()).background).toHaveLength(1);
    // It is said before turns may begin again.
    await eventually(
      () => agent.call('POST', '/v1/messages', { key: 'm2', session: 'main', text: 'say: on' }),
      ({ status }) => status !== 409,
    );
    expect((await agent.settled('m2')).reply?.text).toBe('on');
  });

  it('gives up on the third failure where the class puts sleep first, and the next wake says so', async () => {
    const agent = await made({ onDumpFailure: 'Restart' });
    workspace.tools.dumpFailure = 'service web cannot be dumped: it watches files';
    for (const sequence of [1, 2, 3])
      expect(await checkpoint(agent, sequence)).toMatchObject({ phase: 'Failed' });
    expect(await checkpoint(agent, 4)).toMatchObject({ phase: 'Completed' });
    const second = await wake(agent);
    const { restore } = await second.stateWhen(({ tools }) => tools === 'ready');
    expect(restore).toMatchObject({ processes: 'Restarted', restarted: ['service web'] });
    expect(restore.problem).toMatchObject({
      reason: 'DumpFailed',
      message: expect.stringContaining('it watches files'),
    });
  });

  it('are missed aloud by a message that comes before the tools do', async () => {
    const agent = await made({ onDumpFailure: 'Restart' });
    workspace.tools.dumpFailure = 'service web cannot be dumped: it watches files';
    for (const sequence of [1, 2, 3, 4]) await checkpoint(agent, sequence);
    await agent.stop();
    workspace.tools.loseProcesses();
    workspace.tools.stopping = true;
    await workspace.tools.close();
    const second = await workspace.start();
    await second.send('m2', 'say: on');
    await second.stateWhen(({ busy }) => busy);
    await workspace.tools.listen(workspace.socketPath);
    await second.settled('m2', 20_000);
    expect(await promptOf(second, 'm2')).toContain('service web were started afresh');
  });

  it('is one without them where the pod can make none, and says why', async () => {
    const agent = await made();
    workspace.tools.images = undefined;
    expect(await checkpoint(agent, 1)).toMatchObject({ phase: 'Completed' });
    const { restore } = await (await wake(agent)).stateWhen(({ tools }) => tools === 'ready');
    expect(restore.problem).toEqual({ reason: 'Unsupported', message: 'there is no criu' });
  });
});
