import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually, TestWorkspace } from '../testing/workspace.ts';
import { conversationOf, withCacheMarks } from './conversation.ts';
import type { ContentBlock, TranscriptEntry } from './entry.ts';
import { promptContent } from './prompt.ts';
import { Slots } from './slots.ts';
import { nextStep } from './step.ts';
import { DailyUsage } from './usage.ts';

function entry(role: 'user' | 'assistant', content: ContentBlock[], more: object = {}): TranscriptEntry {
  return {
    type: role,
    uuid: 'u',
    parentUuid: null,
    sessionId: 'main',
    timestamp: '2026-11-23T10:00:00.000Z',
    cwd: '/home/agent',
    version: '0',
    gitBranch: '',
    isSidechain: false,
    message: { role, content, ...(role === 'assistant' && { stop_reason: 'tool_use' }) },
    ...more,
  };
}
const text = (value: string): ContentBlock => ({ type: 'text', text: value });
const use = (id: string): ContentBlock => ({ type: 'tool_use', id, name: 'Bash', input: {} });
const result = (id: string): ContentBlock => ({ type: 'tool_result', tool_use_id: id, content: 'x' });

describe('the next step of a turn', () => {
  it('follows from the transcript alone, at every point of it', () => {
    const whole = [
      entry('user', [text('do')]),
      entry('assistant', [text('I will'), use('a'), use('b')]),
      entry('user', [result('b')]),
      entry('user', [result('a')]),
      entry('assistant', [text('done')], {
        message: { role: 'assistant', content: [text('done')], stop_reason: 'end_turn' },
      }),
    ];
    const steps = whole.map((_, end) => nextStep(whole.slice(0, end + 1)));
    expect(steps.map((step) => step.kind)).toEqual(['model', 'tools', 'tools', 'model', 'done']);
    expect(steps[2]).toMatchObject({ calls: [{ id: 'a' }], cut: false });
  });

  it('never runs a call of an answer that was cut off', () => {
    const cut = entry('assistant', [use('a')], {
      message: { role: 'assistant', content: [use('a')], stop_reason: 'max_tokens' },
    });
    expect(nextStep([entry('user', [text('do')]), cut])).toMatchObject({ kind: 'tools', cut: true });
  });
});

describe('a conversation', () => {
  it('alternates roles, has results first and no blank text, whatever the transcript holds', () => {
    const block = fc.oneof(fc.constantFrom('', ' ', '\n', 'a', 'b').map(text), fc.constant(result('r')));
    const line = fc.record({
      role: fc.constantFrom<'user' | 'assistant'>('user', 'assistant'),
      content: fc.array(block, { maxLength: 3 }),
    });
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const messages = conversationOf(lines.map(({ role, content }) => entry(role, content)));
        for (const [index, message] of messages.entries()) {
          expect(message.role).not.toBe(messages[index - 1]?.role);
          expect(message.content.length).toBeGreaterThan(0);
          for (const it of message.content)
            if (it.type === 'text') expect(String(it.text).trim()).not.toBe('');
          if (message.role !== 'user') continue;
          const firstText = message.content.findIndex((it) => it.type === 'text');
          if (firstText !== -1)
            expect(message.content.slice(firstText).some((it) => it.type === 'tool_result')).toBe(false);
        }
        const marks = JSON.stringify(withCacheMarks(messages)).split('cache_control').length - 1;
        expect(marks).toBe(Math.min(2, messages.filter((message) => message.role === 'user').length));
      }),
    );
  });

  it('is told what a person attached, apart from their words', () => {
    const request = {
      key: 'k',
      session: 'main',
      text: 'look',
      attachments: [{ path: 'a.png', description: 'a picture' }],
    };
    expect(promptContent(request, [])).toBe(
      'look\n<system-reminder>\nFiles attached to this message:\n- a.png: a picture\n</system-reminder>',
    );
  });
});

it('tokens count on the day they were spent, and those of a fork only once', () => {
  const usage = {
    input_tokens: 1,
    output_tokens: 2,
    cache_read_input_tokens: 3,
    cache_creation_input_tokens: 4,
  };
  const answer = entry('assistant', [text('x')], {
    message: { role: 'assistant', content: [text('x')], usage },
  });
  const days = new DailyUsage();
  days.record(answer);
  // A result, whose tool asked the model for something, and a report of subagents, which paid for it themselves.
  const cost = { inputTokens: 100, outputTokens: 200, cacheReadTokens: 300, cacheWriteTokens: 400 };
  days.record(entry('user', [text('result')], { modelUsage: cost, timestamp: '2026-11-22T00:00:00.000Z' }));
  days.record(
    entry('user', [text('report')], { subagentUsage: cost, timestamp: '2026-11-22T00:00:00.000Z' }),
  );
  expect(days.on('2026-11-22')).toBe(1_000);
  days.record({ ...answer, forkedFrom: { sessionId: 'main', uuid: 'u' } });
  days.record({ ...answer, timestamp: '2026-11-24T00:00:00.000Z' });
  expect([days.on('2026-11-23'), days.on('2026-11-24'), days.on('2026-11-25')]).toEqual([10, 10, 0]);
});

it('slots are given in order, and one that is no longer wanted is skipped', async () => {
  const slots = new Slots(1);
  const never = new AbortController().signal;
  const abort = new AbortController();
  const order: string[] = [];
  const release = await slots.take(never);
  const gone = slots.take(abort.signal).then(
    () => order.push('gone'),
    (error: Error) => order.push(error.message),
  );
  const second = slots.take(never).then((free) => {
    order.push('second');
    return free;
  });
  abort.abort(new Error('not wanted'));
  await gone;
  release();
  release();
  (await second)();
  expect(order).toEqual(['not wanted', 'second']);
});

describe('tools of one answer', () => {
  let workspace: TestWorkspace;
  afterEach(() => workspace.close());

  it('also under their older names: a background command is read and stopped', async () => {
    workspace = await TestWorkspace.create();
    const agent = await workspace.start();
    await agent.send('m1', 'tool Bash {"command":"sleep 60","run_in_background":true}');
    await agent.settled('m1');
    const { background } = await agent.state();
    const id = background[0]?.id ?? '';
    await agent.send(
      'm2',
      `tool TaskOutput {"task_id":"${id}","block":false}\ntool TaskStop {"task_id":"${id}"}`,
    );
    expect((await agent.settled('m2')).reply?.text).toMatch(/printed[\s\S]*Stopped/);
    expect(workspace.tools.tasks.get(id)?.status).toBe('killed');
    await agent.stateWhen((state) => !state.busy);
  });

  it('wait for tools that restart', { timeout: 30_000 }, async () => {
    workspace = await TestWorkspace.create();
    const agent = await workspace.start();
    await agent.stateWhen((state) => state.tools === 'ready');
    await workspace.tools.close();
    await agent.stateWhen((state) => state.tools === 'unavailable');
    await agent.send('m1', 'run: echo back');
    await agent.stateWhen((state) => state.busy);
    // A restart of the container, well within the patience of a call.
    await workspace.tools.listen(workspace.socketPath);
    expect((await agent.settled('m1')).reply?.text).toBe('back');
    await eventually(
      async () => (await agent.state()).tools,
      (tools) => tools === 'ready',
    );
  });
});
