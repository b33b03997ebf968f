import { appendFile, cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually, type RunningAgent, TestWorkspace } from '../testing/workspace.ts';
import { RewindError } from './begin.ts';

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

/** The volume of that one as it is now, restored for the same workspace. */
async function restored(from: TestWorkspace, change: object = {}): Promise<TestWorkspace> {
  const copy = await aWorkspace();
  await cp(from.state, copy.state, { recursive: true });
  copy.config = { ...copy.config, rewind: { id: 'rewind-1', sequence: 2 }, ...change };
  return copy;
}

/** A volume that was cut while checkpoint 2 was held, after one message that was answered. */
async function cut(): Promise<TestWorkspace> {
  const workspace = await aWorkspace();
  const agent = await workspace.start();
  await agent.send('m1', 'say: hello');
  await agent.settled('m1');
  await agent.stateWhen((state) => !state.busy);
  await checkpoint(agent, 2);
  await agent.stop();
  return workspace;
}

const transcript = async (workspace: TestWorkspace) =>
  (await readFile(join(workspace.state, 'transcripts/main.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('the first start on a volume that was restored to a checkpoint', () => {
  it('goes on with the conversation of then, and says so to the model and the operator', async () => {
    const volume = await restored(await cut());
    const before = await transcript(volume);
    const agent = await volume.start();
    expect(await agent.state()).toMatchObject({
      rewound: { id: 'rewind-1', sequence: 2 },
      restore: { outcome: 'Rewound', sequence: 2, rejected: [] },
      lastSequence: 2,
    });
    const after = await transcript(volume);
    expect(after.slice(0, -1)).toEqual(before);
    expect(after.at(-1)).toMatchObject({ rewound: { id: 'rewind-1', sequence: 2 } });
    expect(after.at(-1).message.content.at(-1).text).toContain('rewound to its checkpoint 2');
    await agent.send('m2', 'say: on');
    expect(await agent.settled('m2')).toMatchObject({ phase: 'Completed' });
    await agent.stateWhen((it) => !it.busy);
    await checkpoint(agent, 9);
    expect((await agent.state()).lastSequence).toBe(9);
  });

  it('knows the messages from before, and does not answer them again', async () => {
    const volume = await restored(await cut());
    const agent = await volume.start();
    expect(await agent.send('m1', 'say: hello')).toMatchObject({ phase: 'Completed' });
    const prompts = (await transcript(volume)).filter((entry) => entry.messageKey === 'm1');
    expect(prompts).toHaveLength(1);
  });

  it('leaves behind what was written after the checkpoint', async () => {
    const volume = await restored(await cut());
    const before = await transcript(volume);
    const line = JSON.stringify({ ...before.at(-1), uuid: 'later' });
    await appendFile(join(volume.state, 'transcripts/main.jsonl'), `${line}\n`);
    await writeFile(join(volume.state, 'transcripts/later.jsonl'), `${line}\n`);
    const agent = await volume.start();
    expect((await agent.state()).sessions.map(({ id }) => id)).toEqual(['main']);
    expect((await transcript(volume)).slice(0, -1)).toEqual(before);
  });

  it('settles what had no answer then, and does not run the call that waited', async () => {
    const workspace = await aWorkspace({ permissions: { mode: 'default' } });
    const asked = await workspace.start();
    await asked.send('m1', 'tool Bash {"command":"touch made"}');
    await asked.stateWhen((state) => state.approvals.length === 1 && !state.busy);
    await asked.send('m2', 'say: queued behind it');
    await checkpoint(asked, 2);
    await asked.stop();
    const agent = await (await restored(workspace)).start();
    expect(await agent.state()).toMatchObject({ approvals: [], openMessages: 0, busy: false });
    for (const key of ['m1', 'm2'])
      expect(await agent.record(key)).toMatchObject({ phase: 'Failed', reason: 'WorkspaceRewound' });
    await agent.send('m3', 'say: on');
    expect(await agent.settled('m3')).toMatchObject({ phase: 'Completed' });
  });

  it('keeps the transcripts of subagents, and settles one that was at work', async () => {
    const workspace = await aWorkspace({ permissions: { mode: 'default', allow: ['Agent'] } });
    const call = (prompt: string) =>
      `tool Agent ${JSON.stringify({ description: 'a task', prompt, subagent_type: 'general-purpose' })}`;
    const asked = await workspace.start();
    await asked.send('m1', call('say: the heron nests'));
    await asked.settled('m1');
    await asked.send('m2', call('tool Bash {"command":"touch made"}'));
    await asked.stateWhen((state) => state.approvals.length === 1 && !state.busy);
    await checkpoint(asked, 2);
    await asked.stop();
    const volume = await restored(workspace);
    const folder = join(volume.state, 'transcripts/main/subagents');
    const before = await Promise.all(
      (await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')),
    );
    expect(before).toHaveLength(2);
    await writeFile(join(folder, 'agent-later.jsonl'), 'x');
    const agent = await volume.start();
    expect(await agent.state()).toMatchObject({
      approvals: [],
      subagents: [],
      busy: false,
      restore: { outcome: 'Rewound', rejected: [] },
    });
    const after = await Promise.all(
      (await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')),
    );
    expect(after.map((text, at) => text.startsWith(before[at] ?? 'none'))).toEqual([true, true]);
    await agent.send('m3', 'say: on');
    expect(await agent.settled('m3')).toMatchObject({ phase: 'Completed' });
    expect((await agent.state()).approvals).toEqual([]);
  });

  it('gives no prompt again that came due in the meantime, and gives those that are to come', async () => {
    const workspace = await aWorkspace();
    const before = await workspace.start();
    for (const [key, seconds, prompt] of [
      ['m1', 1, 'say: given once'],
      ['m2', 4, 'say: still to come'],
    ] as const) {
      await before.send(key, `tool ScheduleWakeup ${JSON.stringify({ delaySeconds: seconds, prompt })}`);
      await before.settled(key);
    }
    await before.stateWhen((state) => !state.busy && state.tools === 'ready');
    await checkpoint(before, 2);
    const due = Date.parse((await before.state()).nextWakeAt ?? '');
    await before.stop();
    await eventually(
      async () => Date.now(),
      (now) => now > due,
    );
    const agent = await (await restored(workspace)).start();
    const prompts = await eventually(
      async () =>
        (await agent.transcript()).flatMap((entry) => (entry.messageKey ? [entry.message.content] : [])),
      (texts) => texts.includes('say: still to come'),
    );
    expect(prompts).not.toContain('say: given once');
  });

  it('is done again from the beginning where it was cut off, and once only where it was not', async () => {
    const volume = await restored(await cut());
    await (await volume.start()).stop();
    const once = await transcript(volume);
    await rm(join(volume.state, 'rewind.json'));
    await (await volume.start()).stop();
    expect(await transcript(volume)).toHaveLength(once.length);
    const again = await transcript(volume);
    const agent = await volume.start();
    expect((await agent.state()).restore.outcome).toBe('Recovered');
    expect(await transcript(volume)).toEqual(again);
  });

  it('gives no event a cursor that somebody may have seen before', async () => {
    const workspace = await cut();
    const on = await workspace.start();
    await on.send('m2', 'say: a time that was');
    await on.settled('m2');
    const { cursor } = await on.state();
    await on.stop();
    // The same volume, so that there is more on it than the checkpoint names.
    workspace.config = { ...workspace.config, rewind: { id: 'rewind-1', sequence: 2 } };
    const agent = await workspace.start();
    const first = (await agent.state()).cursor;
    expect(first).toBeGreaterThan(cursor);
    await agent.stop();
    expect((await (await workspace.start()).state()).cursor).toBeGreaterThanOrEqual(first);
  });

  it('refuses a volume that is no copy of that checkpoint', async () => {
    const empty = await aWorkspace();
    empty.config = { ...empty.config, rewind: { id: 'rewind-1', sequence: 2 } };
    await expect(empty.start()).rejects.toThrow(RewindError);

    const other = await restored(await cut(), {
      workspace: { namespace: 'team', name: 'demo', uid: 'other' },
    });
    await expect(other.start()).rejects.toThrow('no copy of checkpoint 2');

    const torn = await restored(await cut());
    await writeFile(join(torn.state, 'transcripts/main.jsonl'), 'x'.repeat(100_000));
    await expect(torn.start()).rejects.toThrow('not as checkpoint 2 has it');
  });
});
