import { appendFile, cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type RunningAgent, TestWorkspace } from '../testing/workspace.ts';
import { ForkError } from './begin.ts';

const origin = { namespace: 'team', name: 'demo', uid: 'uid-1' };
const source = { workspace: origin, sequence: 2 };
const workspaces: TestWorkspace[] = [];
afterEach(async () => {
  for (const each of workspaces.splice(0)) await each.close();
});

async function aWorkspace(change: Parameters<typeof TestWorkspace.create>[0] = {}): Promise<TestWorkspace> {
  const made = await TestWorkspace.create(change);
  workspaces.push(made);
  return made;
}

async function checkpoint(agent: RunningAgent, sequence: number): Promise<void> {
  await agent.call('POST', '/v1/checkpoints', { sequence, trigger: 'Idle', hold: true });
  await agent.stateWhen((it) => it.checkpoint?.sequence === sequence && it.checkpoint.phase === 'Completed');
}

/** A workspace that did something and slept twice. */
async function slept(): Promise<TestWorkspace> {
  const workspace = await aWorkspace();
  const agent = await workspace.start();
  await agent.send('m1', 'say: hello');
  await agent.settled('m1');
  await agent.stateWhen((state) => !state.busy);
  await checkpoint(agent, 1);
  await agent.call('DELETE', '/v1/checkpoints/1');
  await checkpoint(agent, 2);
  await agent.stop();
  return workspace;
}

/** A workspace of another name whose volume is a copy of that one's. */
async function forkOf(workspace: TestWorkspace, change: object = {}): Promise<TestWorkspace> {
  const fork = await aWorkspace();
  await cp(workspace.state, fork.state, { recursive: true });
  const uid = `uid-of-fork-${workspaces.length}`;
  fork.config = {
    ...fork.config,
    workspace: { namespace: 'team', name: 'fork', uid },
    source,
    ...change,
  };
  return fork;
}

const transcript = async (workspace: TestWorkspace, session = 'main') =>
  (await readFile(join(workspace.state, `transcripts/${session}.jsonl`), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
const names = (workspace: TestWorkspace, folder: string) => readdir(join(workspace.state, folder));

describe('the first start on a copy of the volume of another workspace', () => {
  it('goes on with its conversation, as a workspace of its own', async () => {
    const fork = await forkOf(await slept());
    const agent = await fork.start();
    const state = await agent.stateWhen(() => true);
    expect(state).toMatchObject({
      workspace: fork.config.workspace,
      lastSequence: 0,
      openMessages: 0,
      restore: { outcome: 'Forked', rejected: [] },
    });
    expect(await names(fork, 'checkpoints')).toEqual([]);
    const [entry] = (await transcript(fork)).slice(-1);
    expect(entry).toMatchObject({ forkedWorkspace: source, sessionId: 'main' });
    expect(entry.message.content.at(-1).text).toContain('fork of workspace team/demo');

    await agent.send('m2', 'say: on');
    await agent.settled('m2');
    await agent.stateWhen((it) => !it.busy);
    await checkpoint(agent, 1);
    expect(await names(fork, 'checkpoints')).toEqual(['00000001']);
  });

  it('leaves behind what came after the checkpoint, and whatever the origin had still to do', async () => {
    const workspace = await slept();
    const before = await transcript(workspace);
    const line = JSON.stringify({ ...before.at(-1), uuid: 'later' });
    await appendFile(join(workspace.state, 'transcripts/main.jsonl'), `${line}\n`);
    await writeFile(join(workspace.state, 'transcripts/later.jsonl'), `${line}\n`);
    const message = { type: 'message', key: 'open', session: 'main', text: 'say: no' };
    await appendFile(
      join(workspace.state, 'inbox/main.jsonl'),
      `${JSON.stringify({ ...message, receivedAt: new Date().toISOString() })}\n`,
    );
    const fork = await forkOf(workspace);
    const agent = await fork.start();
    await agent.stateWhen((state) => !state.busy && state.openMessages === 0);
    const after = await transcript(fork);
    expect(after.slice(0, -1)).toEqual(before);
    expect(await names(fork, 'transcripts')).toEqual(['main.jsonl']);
    expect(await names(fork, 'inbox')).toEqual([]);
  });

  it('asks again whether servers of files may be started, whoever let them in', async () => {
    const workspace = await slept();
    const approved = [{ name: 'tracker', digest: 'd'.repeat(64), at: new Date().toISOString() }];
    await writeFile(join(workspace.state, 'mcp-approvals.json'), JSON.stringify({ approved }));
    const fork = await forkOf(workspace);
    await fork.start();
    expect(await readdir(fork.state)).not.toContain('mcp-approvals.json');
  });

  it('gives a call that waits for an answer a result, and does not run it', async () => {
    const workspace = await aWorkspace({ permissions: { mode: 'default' } });
    const asked = await workspace.start();
    await asked.send('m1', 'tool Bash {"command":"touch made"}');
    await asked.stateWhen((state) => state.approvals.length === 1 && !state.busy);
    await checkpoint(asked, 2);
    await asked.stop();
    const fork = await forkOf(workspace);
    const agent = await fork.start();
    expect((await agent.stateWhen(() => true)).approvals).toEqual([]);
    const [entry] = (await transcript(fork)).slice(-1);
    expect(entry.message.content[0]).toMatchObject({ type: 'tool_result', is_error: true });
    await agent.send('m2', 'say: on');
    expect(await agent.settled('m2')).toMatchObject({ phase: 'Completed' });
  });

  it('is done again from the beginning where it was cut off, and once only where it was not', async () => {
    const workspace = await slept();
    const fork = await forkOf(workspace);
    await (await fork.start()).stop();
    const once = await transcript(fork);
    // The origin's manifest goes last.
    await cp(join(workspace.state, 'checkpoints/00000002'), join(fork.state, 'checkpoints/00000002'), {
      recursive: true,
    });
    await (await fork.start()).stop();
    const again = await transcript(fork);
    expect(again).toHaveLength(once.length);
    const agent = await fork.start();
    expect((await agent.stateWhen(() => true)).restore.outcome).toBe('Recovered');
    expect(await transcript(fork)).toEqual(again);
  });

  it('does not count what the origin spent', async () => {
    const workspace = await slept();
    const fork = await forkOf(workspace, {
      model: { ...workspace.config.model, maxTokensPerDay: 1 },
    });
    const agent = await fork.start();
    await agent.send('m2', 'say: the first');
    expect(await agent.settled('m2')).toMatchObject({ phase: 'Completed' });
    await agent.send('m3', 'say: the second');
    expect(await agent.settled('m3')).toMatchObject({ phase: 'Failed' });
  });

  it('goes on with processes whose images cannot hold the key of the origin', async () => {
    const workspace = await aWorkspace({
      services: [{ name: 'web', command: ['serve'], restart: 'Always' }],
      checkpoint: { processes: 'Restore' },
    });
    workspace.tools.images = 'without key';
    const asleep = await workspace.start();
    await asleep.stateWhen(({ tools }) => tools === 'ready');
    await checkpoint(asleep, 2);
    await asleep.stop();
    const fork = await forkOf(workspace);
    Object.assign(fork.tools, { images: 'without key', stopping: true });
    const agent = await fork.start();
    const { restore } = await agent.stateWhen(({ tools }) => tools === 'ready');
    expect(restore).toMatchObject({ outcome: 'Forked', processes: 'Restored', restored: ['service web'] });
    expect(restore.problem).toBeUndefined();
    await agent.stop();
    // Once: at the next start nothing knows of them.
    const next = await (await fork.start()).stateWhen(({ tools }) => tools === 'ready');
    expect(next.restore.restored).toEqual([]);
  });

  it('says that processes with images that may hold it stay with the origin', async () => {
    const workspace = await aWorkspace({
      services: [{ name: 'web', command: ['serve'], restart: 'Always' }],
      checkpoint: { processes: 'Restore' },
    });
    workspace.tools.images = 'whole';
    const asleep = await workspace.start();
    await asleep.stateWhen(({ tools }) => tools === 'ready');
    await checkpoint(asleep, 2);
    await asleep.stop();
    const fork = await forkOf(workspace);
    fork.tools.images = 'whole';
    const { restore } = await (await fork.start()).stateWhen(({ tools }) => tools === 'ready');
    expect(restore).toMatchObject({ outcome: 'Forked', restored: [] });
    expect(restore.problem?.message).toContain('stay with its workspace');
  });

  it('forks a fork', async () => {
    const first = await forkOf(await slept());
    const agent = await first.start();
    await checkpoint(agent, 1);
    await agent.stop();
    const second = await forkOf(first, {
      source: { workspace: first.config.workspace, sequence: 1 },
    });
    await second.start();
    const forked = (await transcript(second)).flatMap((each) => each.forkedWorkspace ?? []);
    expect(forked.map((each) => each.workspace.name)).toEqual(['demo', 'fork']);
  });

  it('refuses a volume that is no such copy', async () => {
    const empty = await aWorkspace();
    empty.config = { ...empty.config, workspace: { ...origin, uid: 'other' }, source };
    await expect(empty.start()).rejects.toThrow(ForkError);

    const torn = await forkOf(await slept());
    await writeFile(join(torn.state, 'transcripts/main.jsonl'), 'x'.repeat(100_000));
    await expect(torn.start()).rejects.toThrow('not as the checkpoint has it');
    await rm(join(torn.state, 'transcripts/main.jsonl'));
    await expect(torn.start()).rejects.toThrow(ForkError);
  });
});
