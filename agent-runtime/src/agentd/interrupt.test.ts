import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { MessagesModel, type Model, type ModelAnswer } from './model/model-client.ts';
import type { ApiMessage } from './session/conversation.ts';
import { expectWhole } from './testing/whole-transcript.ts';
import { type RunningAgent, TestWorkspace } from './testing/workspace.ts';

let workspace: TestWorkspace;
afterEach(() => workspace.close());

type Call = [name: string, input: object];
const agentCall = (prompt: string, more: object = {}): Call => [
  'Agent',
  { description: 'a task', prompt, ...more },
];
/** What the model calls in each answer to `go`: reads side by side, what changes something, subagents of both kinds. */
const answers: Call[][] = [
  [
    ['Read', { file_path: 'a.txt' }],
    ['Glob', { pattern: '*' }],
    agentCall(
      `run: echo child\ntool Agent ${JSON.stringify({ description: 'x', prompt: 'run: sleep 0.05' })}`,
    ),
    ['Bash', { command: 'sleep 0.05' }],
    ['Write', { file_path: 'b.txt', content: 'b' }],
    agentCall('run: sleep 0.05'),
  ],
  [
    agentCall('run: sleep 0.2', { run_in_background: true }),
    ['TaskCreate', { subject: 'one', description: '' }],
    ['Bash', { command: 'sleep 9', run_in_background: true, ignorable: true }],
  ],
];

/** Answers `go` by itself and everything else by the strict model server, which sees the whole conversation then. */
class CallingModel implements Model {
  readonly #strict: Model;
  #ids = 0;

  constructor(strict: Model) {
    this.#strict = strict;
  }

  stream: Model['stream'] = async (request, options) => {
    const step = stepOf(request.messages);
    if (step === undefined) return this.#strict.stream(request, options);
    const calls = (answers[step] ?? []).map(([name, input]) => {
      this.#ids += 1;
      return { type: 'tool_use', id: `toolu_${this.#ids}`, name, input };
    });
    return message(calls.length > 0 ? calls : [{ type: 'text', text: 'done' }]);
  };
}

/** Which answer to `go` is wanted; undefined where that is not the last prompt. */
function stepOf(messages: readonly ApiMessage[]): number | undefined {
  const prompt = messages.findLastIndex(
    ({ role, content }) => role === 'user' && content.some(({ text }) => /^(go|say: on)/.test(String(text))),
  );
  const said = messages[prompt]?.content.findLast(({ text }) => /^(go|say: on)/.test(String(text)));
  if (said === undefined || said.text !== 'go') return undefined;
  return messages.slice(prompt).filter(({ role }) => role === 'assistant').length;
}

function message(content: ModelAnswer['content']): ModelAnswer {
  const stop_reason = content[0]?.type === 'tool_use' ? 'tool_use' : 'end_turn';
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
}

async function expectAllWhole(agent: RunningAgent): Promise<void> {
  expectWhole(await agent.transcript());
  const folder = join(workspace.state, 'transcripts/main/subagents');
  for (const name of await readdir(folder).catch(() => [])) {
    const lines = (await readFile(join(folder, name), 'utf8')).trim().split('\n');
    expectWhole(lines.filter((line) => line !== '').map((line) => JSON.parse(line)));
  }
}

describe('an interrupt', () => {
  it.each([
    ['the agent goes on', false],
    ['the agent is restarted at once', true],
  ])(
    'at any moment leaves conversations that the API takes: %s',
    { timeout: 120_000 },
    async (_, restarts) => {
      workspace = await TestWorkspace.create();
      await workspace.put('a.txt', 'a');
      const strict = new MessagesModel(() => workspace.model.url, { read: async () => workspace.credential });
      const model = new CallingModel(strict);
      let agent = await workspace.start(model);
      let interrupted = 0;
      for (let point = 0; point < 28; point += 1) {
        const { cursor } = await agent.state();
        await agent.send(`go${point}`, 'go');
        // A point is a durable event: an entry, a change of the message or of a subagent.
        await agent.stateWhen((state) => state.cursor >= cursor + point || state.openMessages === 0, 30_000);
        const { status } = await agent.call('POST', '/v1/sessions/main/interrupt');
        if (status === 202) interrupted += 1;
        if (restarts) {
          await agent.stop();
          agent = await workspace.start(model);
        }
        await agent.settled(`go${point}`, 30_000);
        await agent.stateWhen((state) => !state.busy && state.subagents.length === 0, 30_000);
        await agent.send(`on${point}`, 'say: on');
        expect(await agent.settled(`on${point}`, 30_000)).toMatchObject({
          phase: 'Completed',
          reply: { text: 'on' },
        });
        await agent.stateWhen((state) => !state.busy && state.openMessages === 0, 30_000);
        await expectAllWhole(agent);
      }
      expect(interrupted).toBeGreaterThan(10);
    },
  );
});
