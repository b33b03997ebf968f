import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startRealTools } from '../testing/real-tools.ts';
import { type RunningAgent, TestWorkspace } from '../testing/workspace.ts';
import { liveEntries } from './compaction.ts';
import type { TranscriptEntry } from './entry.ts';
import { Ledger } from './ledger.ts';

let workspace: TestWorkspace | undefined;
afterEach(async () => {
  await workspace?.close();
  workspace = undefined;
});

async function say(
  agent: RunningAgent,
  key: string,
  text: string,
  session = 'main',
): Promise<string | undefined> {
  await agent.send(key, text, session);
  return (await agent.settled(key)).reply?.text;
}

it('a message that is taken back is unsaid to the model, and stays in the transcript', async () => {
  workspace = await TestWorkspace.create();
  const agent = await workspace.start();
  await say(agent, 'm1', 'remember: one');
  await say(agent, 'm2', 'remember: two');
  await say(agent, 'm3', 'remember: three');
  const rewound = await agent.call('POST', '/v1/sessions/main/rewind', { message: 'm2' });
  expect(rewound).toMatchObject({ status: 200, body: { id: 'main', status: 'idle' } });
  expect(await say(agent, 'm4', 'recall')).toBe('one');
  expect((await agent.transcript()).map((entry) => entry.messageKey ?? entry.rewind?.message)).toEqual([
    'm1',
    undefined,
    'm2',
    undefined,
    'm3',
    undefined,
    'm2',
    'm4',
    undefined,
  ]);
  // It was processed, and is not processed again.
  expect((await agent.send('m2', 'remember: two')).phase).toBe('Completed');
  // Also after a restart, and in a session that begins with this one.
  await agent.stop();
  const again = await workspace.start();
  expect(await say(again, 'm5', 'recall')).toBe('one');
  await again.call('POST', '/v1/sessions/main/fork', { session: 'other' });
  expect(await say(again, 'm6', 'recall', 'other')).toBe('one');
  expect((await again.call('POST', '/v1/sessions/other/rewind', { message: 'm1' })).status).toBe(200);
  expect(await say(again, 'm7', 'recall', 'other')).toBe('There is nothing to recall.');
});

it('is refused while the session works, and for a message that it does not have', async () => {
  workspace = await TestWorkspace.create();
  const agent = await workspace.start();
  await agent.send('m1', 'wait: 5');
  await agent.until('m1', ({ phase }) => phase === 'Working');
  const busy = await agent.call('POST', '/v1/sessions/main/rewind', { message: 'm1' });
  expect(busy).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } });
  await agent.call('POST', '/v1/sessions/main/interrupt', {});
  await agent.settled('m1');
  const unknown = await agent.call('POST', '/v1/sessions/main/rewind', { message: 'm9' });
  expect(unknown).toMatchObject({
    status: 404,
    body: { error: { message: 'Session main has no message m9.' } },
  });
});

it('goes back before a summary, to what was summarized', async () => {
  workspace = await TestWorkspace.create({ model: { compactAt: 20_000 } });
  const agent = await workspace.start();
  await say(agent, 'm1', `remember: one\nsay: ${'a'.repeat(20_000)}`);
  await say(agent, 'm2', `remember: two\nsay: ${'b'.repeat(20_000)}`);
  expect(await say(agent, 'm3', 'recall')).toBe('one\ntwo');
  expect((await agent.transcript()).some((entry) => entry.compaction !== undefined)).toBe(true);
  await agent.call('POST', '/v1/sessions/main/rewind', { message: 'm2' });
  expect(await say(agent, 'm4', 'recall')).toBe('one');
});

it('a title is kept, and a list says what each session used', async () => {
  workspace = await TestWorkspace.create();
  const agent = await workspace.start();
  await say(agent, 'm1', 'say: hi');
  expect((await agent.call('PATCH', '/v1/sessions/main', { title: ' the release ' })).status).toBe(200);
  expect((await agent.call('PATCH', '/v1/sessions/main', { title: ' ' })).status).toBe(400);
  await agent.stop();
  const again = await workspace.start();
  const [main] = (await again.call('GET', '/v1/sessions')).body;
  const { usage } = await again.record('m1');
  expect(main).toMatchObject({ id: 'main', title: 'the release', usage });
  expect(main.contextTokens).toBeGreaterThan(0);
});

/** Any history of prompts, answers, summaries and rewinds: reading from `liveFrom` shows the model the same as reading it all. */
it('a part of the transcript that begins at liveFrom holds the same conversation as the whole', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('prompt' as const) }),
    fc.record({ kind: fc.constant('answer' as const) }),
    fc.record({ kind: fc.constant('compact' as const), keeps: fc.nat(3) }),
    fc.record({ kind: fc.constant('rewind' as const), to: fc.nat(20) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const ledger = new Ledger();
      const entries: TranscriptEntry[] = [];
      let prompts = 0;
      const add = (role: 'user' | 'assistant', more: object) => {
        const entry = {
          ...{
            type: role,
            uuid: String(entries.length),
            parentUuid: null,
            sessionId: 's',
            cwd: '/',
            version: '0',
          },
          ...{ timestamp: '2026-11-23T10:00:00.000Z', gitBranch: '', isSidechain: false },
          ...{ message: { role, content: `${entries.length}` }, ...more },
        };
        ledger.foldEntry(entry, entries.length);
        entries.push(entry);
      };
      for (const each of steps) {
        const live = liveEntries(entries);
        const answered = live.findLastIndex(
          (entry) => entry.message.role === 'assistant' && !entry.compaction,
        );
        if (each.kind === 'prompt') {
          prompts += 1;
          add('user', { messageKey: `m${prompts}` });
        } else if (each.kind === 'answer') add('assistant', {});
        else if (each.kind === 'compact' && answered !== -1) {
          const keeps = Math.min(each.keeps, live.length - 1 - answered);
          add('assistant', { compaction: { trigger: 'auto', keeps, preTokens: 1 } });
        } else if (each.kind === 'rewind' && prompts > 0)
          add('user', { rewind: { message: `m${1 + (each.to % prompts)}` } });
      }
      const uuids = (some: readonly TranscriptEntry[]) => some.map((entry) => entry.uuid);
      expect(uuids(liveEntries(entries.slice(ledger.liveFrom)))).toEqual(uuids(liveEntries(entries)));
    }),
    { numRuns: 500 },
  );
});

describe('with its files', () => {
  let endTools: Awaited<ReturnType<typeof startRealTools>>;
  let agent: RunningAgent;
  beforeEach(async () => {
    workspace = await TestWorkspace.create();
    workspace.toolsPatienceMs = 2_000;
    endTools = await startRealTools(workspace, '/bin/false');
    agent = await workspace.start();
  });
  afterEach(() => endTools());
  const place = (path: string) => join(workspace?.home ?? '', path);
  const text = (path: string) => readFile(place(path), 'utf8').catch(() => undefined);
  const rewind = async (message: string) => {
    const { status, body } = await agent.call('POST', '/v1/sessions/main/rewind', { message, files: true });
    expect(status).toBe(200);
    return (
      body as { files: { restored: string[]; removed: string[]; left: { path: string; reason: string }[] } }
    ).files;
  };
  const editLine = (path: string, from: string, to: string) =>
    `read ${path}\ntool Edit ${JSON.stringify({ file_path: path, old_string: from, new_string: to })}`;

  it('puts back what tools changed since, its subagents too, and removes what they made', async () => {
    await workspace?.put('a.txt', 'one\n');
    await workspace?.put('b.txt', 'kept\n');
    await say(agent, 'm1', editLine('a.txt', 'one', 'two'));
    const task = {
      description: 'edit',
      prompt: `${editLine('b.txt', 'kept', 'changed')}\nwrite made.txt: x`,
    };
    await say(agent, 'm2', `${editLine('a.txt', 'two', 'three')}\ntool Agent ${JSON.stringify(task)}`);
    await say(agent, 'm3', editLine('a.txt', 'three', 'four'));
    expect(await Promise.all(['a.txt', 'b.txt', 'made.txt'].map(text))).toEqual(['four\n', 'changed\n', 'x']);
    await agent.stop();
    agent = (await workspace?.start()) as RunningAgent;
    const files = await rewind('m2');
    expect(await Promise.all(['a.txt', 'b.txt', 'made.txt'].map(text))).toEqual([
      'two\n',
      'kept\n',
      undefined,
    ]);
    expect(files).toEqual({
      restored: [place('a.txt'), place('b.txt')],
      removed: [place('made.txt')],
      left: [],
    });
    // The session knows the file as it is again.
    await say(agent, 'm4', editLine('a.txt', 'two', 'five'));
    expect(await text('a.txt')).toBe('five\n');
    // A second time it is as if nothing had been said in between.
    await rewind('m1');
    expect(await text('a.txt')).toBe('one\n');
  });

  it('comes to the same when it is asked for again, as after a crash in between', async () => {
    await workspace?.put('a.txt', 'one\n');
    await say(agent, 'm1', `${editLine('a.txt', 'one', 'two')}\nwrite made.txt: x`);
    await writeFile(place('a.txt'), 'one\n');
    await rm(place('made.txt'));
    expect(await rewind('m1')).toEqual({
      restored: [place('a.txt')],
      removed: [place('made.txt')],
      left: [],
    });
    expect(await text('a.txt')).toBe('one\n');
  });

  it('leaves alone, and names, what something else changed since, and what was not kept', async () => {
    await workspace?.put('a.txt', 'one\n');
    await workspace?.put('large.txt', `one\n${'x'.repeat(1024 * 1024)}`);
    await say(
      agent,
      'm1',
      `${editLine('a.txt', 'one', 'two')}\n${editLine('large.txt', 'one', 'two')}\nwrite made.txt: x`,
    );
    await say(agent, 'm2', 'run: echo mine >> a.txt; echo mine >> made.txt');
    const { restored, removed, left } = await rewind('m1');
    expect([restored, removed]).toEqual([[], []]);
    expect(left).toEqual([
      { path: place('a.txt'), reason: 'something else has changed it since' },
      { path: place('large.txt'), reason: expect.stringContaining('is not kept') },
      { path: place('made.txt'), reason: 'something else has changed it since' },
    ]);
    expect(await text('a.txt')).toBe('two\nmine\n');
  });

  it('takes nothing back where the tools are away', { timeout: 40_000 }, async () => {
    await say(agent, 'm1', 'write made.txt: x');
    await endTools();
    const { status, body } = await agent.call('POST', '/v1/sessions/main/rewind', {
      message: 'm1',
      files: true,
    });
    expect({ status, body }).toMatchObject({
      status: 503,
      body: { error: { message: expect.stringContaining('Nothing was taken back') } },
    });
    expect((await agent.transcript()).some((entry) => entry.rewind !== undefined)).toBe(false);
  });
});
