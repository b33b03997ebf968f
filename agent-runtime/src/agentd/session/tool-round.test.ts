import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Model, ModelAnswer } from '../model/model-client.ts';
import { type Json, TestWorkspace } from '../testing/workspace.ts';

let workspace: TestWorkspace;
afterEach(() => workspace.close());

type Call = [id: string, name: string, input: object];

/** A model that makes these calls in one answer, and then is done. */
function calling(calls: Call[], stopReason = 'tool_use'): Model {
  const answer = (content: ModelAnswer['content'], stop_reason: string): ModelAnswer => {
    const usage = { input_tokens: 1, output_tokens: 1 };
    return {
      id: 'msg',
      type: 'message',
      role: 'assistant',
      model: 'm',
      content,
      stop_reason,
      stop_sequence: null,
      usage,
    };
  };
  const uses = calls.map(([id, name, input]) => ({ type: 'tool_use', id, name, input }));
  return {
    stream: async ({ messages }) => {
      if (messages.length === 1) return answer(uses, stopReason);
      return answer([{ type: 'text', text: 'done' }], 'end_turn');
    },
  };
}

const resultsOf = (entries: Json[]) =>
  entries.flatMap((entry) => entry.message.content).filter((block: Json) => block.type === 'tool_result');

describe('several tool calls of one answer', () => {
  it('go on as far as nobody must be asked: reads at once, what changes something in its order', async () => {
    workspace = await TestWorkspace.create({ permissions: { mode: 'default', allow: ['Bash(echo *)'] } });
    await writeFile(join(workspace.home, 'a.txt'), 'text');
    const agent = await workspace.start(
      calling([
        ['one', 'Bash', { command: 'echo first' }],
        ['two', 'Bash', { command: 'touch asked' }],
        ['three', 'Read', { file_path: 'a.txt' }],
        ['four', 'Bash', { command: 'echo behind' }],
      ]),
    );
    await agent.send('m1', 'go');
    const { approvals } = await agent.stateWhen((state) => state.approvals.length === 1 && !state.busy);
    expect(workspace.tools.commands).toEqual(['echo first']);
    expect(resultsOf(await agent.transcript()).map((block: Json) => block.tool_use_id)).toEqual([
      'one',
      'three',
    ]);
    await agent.call('POST', `/v1/approvals/${approvals[0]?.id}`, { decision: 'allow' });
    await agent.settled('m1');
    expect(workspace.tools.commands).toEqual(['echo first', 'touch asked', 'echo behind']);
  });

  it('are not run when the answer was cut off inside them', async () => {
    workspace = await TestWorkspace.create();
    const agent = await workspace.start(calling([['one', 'Bash', { command: 'echo half' }]], 'max_tokens'));
    await agent.send('m1', 'go');
    expect((await agent.settled('m1')).phase).toBe('Completed');
    expect(workspace.tools.commands).toEqual([]);
    expect(resultsOf(await agent.transcript())).toMatchObject([{ tool_use_id: 'one', is_error: true }]);
  });

  it('go on when each question is answered the moment it is asked', async () => {
    workspace = await TestWorkspace.create({ permissions: { mode: 'default' } });
    const names = ['a', 'b', 'c', 'd'];
    const agent = await workspace.start(
      calling(names.map((name) => [name, 'Bash', { command: `touch ${name}` }])),
    );
    await agent.send('m1', 'go');
    const decided = new Set<string>();
    while (decided.size < names.length) {
      for (const { id } of (await agent.state()).approvals) {
        const { status } = await agent.call('POST', `/v1/approvals/${id}`, { decision: 'allow' });
        if (status === 200) decided.add(id);
      }
    }
    expect((await agent.settled('m1')).phase).toBe('Completed');
    expect(workspace.tools.commands).toEqual(names.map((name) => `touch ${name}`));
  });

  it('are all settled by an interrupt while one waits for a person', async () => {
    workspace = await TestWorkspace.create({ permissions: { mode: 'default' } });
    const agent = await workspace.start(
      calling([
        ['one', 'Bash', { command: 'touch a' }],
        ['two', 'Bash', { command: 'touch b' }],
      ]),
    );
    await agent.send('m1', 'go');
    await agent.stateWhen((state) => state.approvals.length === 2 && !state.busy);
    await agent.call('POST', '/v1/sessions/main/interrupt');
    expect(await agent.settled('m1')).toMatchObject({ phase: 'Failed', reason: 'Interrupted' });
    expect(resultsOf(await agent.transcript()).map((block: Json) => block.tool_use_id)).toEqual([
      'one',
      'two',
    ]);
    expect((await agent.state()).approvals).toEqual([]);
    expect(workspace.tools.commands).toEqual([]);
  });
});
