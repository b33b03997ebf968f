import { afterEach, describe, expect, it } from 'vitest';
import { parseFault } from '../../../../test/support/model-server/fault.ts';
import {
  type AnswerRecord,
  type ModelServerOptions,
  startModelServer,
} from '../../../../test/support/model-server/server.ts';
import { type Json, type RunningAgent, TestWorkspace } from '../testing/workspace.ts';
import { contextTokens, cutOf, liveEntries } from './compaction.ts';
import type { ContentBlock, TranscriptEntry } from './entry.ts';

let workspace: TestWorkspace;
let asked: AnswerRecord[];
let close = async () => {};
afterEach(async () => {
  await close();
  close = async () => {};
});

async function start(compactAt: number, server: ModelServerOptions = {}): Promise<RunningAgent> {
  asked = [];
  const onAnswer = (record: AnswerRecord) => asked.push(record);
  workspace = await TestWorkspace.create({ model: { compactAt } }, { onAnswer, ...server });
  close = () => workspace.close();
  return workspace.start();
}

async function say(agent: RunningAgent, key: string, text: string): Promise<Json> {
  await agent.send(key, text);
  const record = await agent.settled(key);
  expect(record).toMatchObject({ phase: 'Completed' });
  return record.reply?.text;
}

const bodies = (): Json[] => asked.map((record) => record.body);
const summaries = async (agent: RunningAgent) =>
  (await agent.transcript()).filter((entry) => entry.compaction !== undefined);
/** Tokens; two long messages with their answers fit in, with room for tools and instructions, and a third prompt does not. */
const window = 40_000;
const long = (letter: string) => `say: ${letter.repeat(40_000)}`;

describe('a conversation near the end of the window', () => {
  it('goes on from the block that the API made of it, kept and sent back as it came', async () => {
    const agent = await start(window);
    await say(agent, 'm1', `remember: the first\n${long('a')}`);
    await say(agent, 'm2', `remember: the second\n${long('b')}`);
    await say(agent, 'm3', `remember: the third\nrecall`);
    const [summary, ...more] = await summaries(agent);
    expect(more).toEqual([]);
    expect(summary).toMatchObject({ type: 'system', compaction: { trigger: 'auto', keeps: 1 } });
    expect(summary.compaction.preTokens).toBeGreaterThan(window);
    // The prompt that was to be answered is not in the summary: it follows it, in the model's own words.
    const { messages } = bodies().at(-1);
    expect(messages[0]).toEqual({ role: 'assistant', content: summary.message.content });
    expect(messages[0].content).toMatchObject([{ type: 'compaction', signature: expect.any(String) }]);
    expect(messages[1].content.map((block: ContentBlock) => block.text)).toContain(
      'remember: the third\nrecall',
    );
    expect(JSON.stringify(messages).length).toBeLessThan(5_000);
    expect((await agent.record('m3')).reply?.text).toBe(
      'I will remember: the third\nthe first\nthe second\nthe third',
    );
    // The same after a restart: nothing but the transcript says it.
    await agent.stop();
    const again = await workspace.start();
    expect(await say(again, 'm4', 'recall')).toBe('the first\nthe second\nthe third');
    // Also of what no model sees any more, it is known what was answered.
    expect((await again.record('m1')).reply?.text).toContain('I will remember: the first');
    expect(bodies().at(-1).messages[0]).toEqual(messages[0]);
  });

  it('is summarized in the middle of a turn, whose tool calls are not run again', async () => {
    const agent = await start(20_000);
    const commands = ['a', 'b', 'c', 'd'].map((letter) => `head -c 20000 /dev/zero | tr '\\0' ${letter}`);
    const reply = await say(agent, 'm1', commands.map((command) => `run: ${command}`).join('\n'));
    expect(workspace.tools.commands).toEqual(commands);
    for (const letter of ['a', 'b', 'c', 'd']) expect(reply).toContain(letter.repeat(50));
    const made = await summaries(agent);
    expect(made.length).toBeGreaterThanOrEqual(1);
    expect(made[0].compaction).toMatchObject({ keeps: 0 });
    expect(asked.every((record) => record.status === 200)).toBe(true);
  });

  it('is summarized in words where the API does not offer it, and it is not asked again', async () => {
    const agent = await start(window, { compaction: false });
    await say(agent, 'm1', `remember: the first\n${long('a')}`);
    await say(agent, 'm2', `remember: the second\n${long('b')}`);
    expect(await say(agent, 'm3', 'recall')).toBe('the first\nthe second');
    await say(agent, 'm4', long('c'));
    await say(agent, 'm5', long('d'));
    expect(await say(agent, 'm6', 'recall')).toBe('the first\nthe second');
    expect((await summaries(agent)).map((entry) => entry.message.role)).toEqual(['user', 'user']);
    expect(bodies().filter((body) => body.compaction !== undefined)).toHaveLength(1);
    // What the summary cost is charged to the turn that it was made in.
    const usage = (await agent.record('m3')).usage;
    expect(usage?.inputTokens ?? 0).toBeGreaterThan(0);
  });

  it('goes on in words where another provider takes over, which does not know the block', async () => {
    const agent = await start(window);
    await say(agent, 'm1', `remember: the first\n${long('a')}`);
    await say(agent, 'm2', long('b'));
    await say(agent, 'm3', 'say: summarized');
    await agent.stop();
    const other = await startModelServer({ apiKey: 'model-key', signingKey: 'other' });
    try {
      workspace.config = { ...workspace.config, model: { ...workspace.config.model, baseUrl: other.url } };
      expect(await say(await workspace.start(), 'm4', 'recall')).toBe('the first');
    } finally {
      await other.close();
    }
  });

  it('is not summarized again and again where the summary is as long', async () => {
    const agent = await start(1);
    await say(agent, 'm1', 'say: one');
    await say(agent, 'm2', 'run: true\nrun: true\nsay: two');
    // Once for the prompt and once for each answer that brought something new.
    expect((await summaries(agent)).length).toBeLessThanOrEqual(3);
  });

  it('goes on as it is where it cannot be summarized', async () => {
    const agent = await start(window, {
      faults: [undefined, undefined, parseFault('400'), parseFault('400')],
    });
    await say(agent, 'm1', long('a'));
    await say(agent, 'm2', long('b'));
    expect(await say(agent, 'm3', 'say: all the same')).toBe('all the same');
    expect(await summaries(agent)).toEqual([]);
  });
});

describe('/compact', () => {
  it('summarizes at once, by the instructions that follow it, and answers with the summary', async () => {
    const agent = await start(1_000_000);
    await say(agent, 'm1', 'remember: the first');
    const reply = await say(agent, 'm2', '/compact keep the names');
    expect(reply).toContain('the first');
    expect(bodies().at(-1).compaction).toEqual({ type: 'summarize', instructions: 'keep the names' });
    expect(await summaries(agent)).toMatchObject([{ compaction: { trigger: 'manual', keeps: 0 } }]);
    expect(await say(agent, 'm3', 'recall')).toBe('the first');
    expect(JSON.stringify(bodies().at(-1).messages)).not.toContain('/compact');
  });

  it('says so where there is nothing to summarize', async () => {
    const agent = await start(1_000_000);
    await agent.send('m1', '/compact');
    expect(await agent.settled('m1')).toMatchObject({
      phase: 'Failed',
      reason: 'CommandFailed',
      message: '/compact changed nothing: there is nothing to summarize yet.',
    });
    expect(await say(agent, 'm2', 'say: on')).toBe('on');
  });

  it('that was cut off by a crash is done once', async () => {
    const agent = await start(1_000_000);
    await say(agent, 'm1', 'remember: the first');
    await agent.stop();
    const killed = await workspace.spawn();
    await killed.send('m2', '/compact');
    await killed.stop();
    const again = await workspace.start();
    expect((await again.settled('m2')).phase).toBe('Completed');
    expect(await summaries(again)).toHaveLength(1);
    expect(await say(again, 'm3', 'recall')).toBe('the first');
  });
});

describe('the cut', () => {
  const line = (role: 'user' | 'assistant', content: ContentBlock[], more: object = {}): TranscriptEntry => ({
    type: role,
    uuid: 'u',
    parentUuid: null,
    sessionId: 'main',
    timestamp: '2026-11-23T10:00:00.000Z',
    cwd: '/home/agent',
    version: '0',
    gitBranch: '',
    isSidechain: false,
    message: { role, content },
    ...more,
  });
  const prompt = line('user', [{ type: 'text', text: 'do' }]);
  const usage = { input_tokens: 100, output_tokens: 10, cache_read_input_tokens: 1_000 };
  const answer = line('assistant', [{ type: 'text', text: 'done' }], {
    message: { role: 'assistant', content: [{ type: 'text', text: 'done' }], usage },
  });
  const results = line('user', [{ type: 'tool_result', tool_use_id: 'a', content: 'x' }]);

  it('leaves a prompt, and never results without their calls', () => {
    expect(cutOf([prompt])).toBeUndefined();
    expect(cutOf([prompt, answer, prompt, prompt])).toEqual({ summarized: [prompt, answer], keeps: 2 });
    expect(cutOf([prompt, answer, results, prompt])).toMatchObject({ keeps: 0 });
  });

  it('counts what the last answer was made from and what came since', () => {
    expect(contextTokens([prompt, answer])).toBe(1_110);
    expect(contextTokens([prompt, answer, prompt])).toBe(1_110 + 8);
  });

  it('shows the newest summary, what it left out, and what came since', () => {
    const summary = (keeps: number) =>
      line('assistant', [{ type: 'compaction', content: 's' }], {
        compaction: { trigger: 'auto', keeps, preTokens: 1 },
      });
    const first = summary(1);
    const second = summary(0);
    expect(liveEntries([prompt, answer])).toEqual([prompt, answer]);
    expect(liveEntries([prompt, answer, prompt, first, answer])).toEqual([first, prompt, answer]);
    expect(liveEntries([prompt, first, answer, second])).toEqual([second]);
  });
});
