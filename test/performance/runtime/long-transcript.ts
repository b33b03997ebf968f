import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** Prompts between two summaries, and characters of a tool's result: about 12,000 tokens of conversation. */
const turnsToSummary = 20;
const resultCharacters = 2_400;

/** Writes the transcript of a session `main` of so many bytes: prompts, calls with results, answers, summaries. */
export async function writeLongTranscript(state: string, bytes: number): Promise<number> {
  const folder = join(state, 'transcripts');
  await mkdir(folder, { recursive: true });
  let lines = 0;
  let parentUuid: string | null = null;
  const line = (role: 'user' | 'assistant', content: object[], more: object = {}) => {
    const uuid = randomUUID();
    const entry = {
      ...{ type: role, uuid, parentUuid, sessionId: 'main', timestamp: new Date().toISOString() },
      ...{ cwd: '/home/agent', version: '1', gitBranch: '', isSidechain: false },
      message: { role, content, ...(role === 'assistant' && answered) },
      ...more,
    };
    parentUuid = uuid;
    lines += 1;
    return `${JSON.stringify(entry)}\n`;
  };
  function* turns() {
    let written = 0;
    for (let turn = 0; written < bytes; turn += 1) {
      const id = `toolu_${turn}`;
      const result = Array.from(
        { length: resultCharacters / 40 },
        (_, at) => `${turn}:${at} "a line"\tof output\n`,
      );
      const text = [
        line('user', [{ type: 'text', text: `Look at part ${turn}.` }], { messageKey: `m${turn}` }),
        line('assistant', [
          { type: 'tool_use', id, name: 'Bash', input: { command: `sed -n ${turn}p log` } },
        ]),
        line('user', [{ type: 'tool_result', tool_use_id: id, content: result.join('') }]),
        line('assistant', [
          { type: 'text', text: `Part ${turn} says what it said before. ${'More. '.repeat(40)}` },
        ]),
        ...(turn % turnsToSummary === turnsToSummary - 1
          ? [
              line(
                'user',
                [{ type: 'text', text: '<conversation-summary>\nSo far so good.\n</conversation-summary>' }],
                {
                  type: 'system',
                  compaction: { trigger: 'auto', keeps: 0, preTokens: 12_000 },
                },
              ),
            ]
          : []),
      ].join('');
      written += text.length;
      yield text;
    }
  }
  await pipeline(turns(), createWriteStream(join(folder, 'main.jsonl')));
  return lines;
}

const answered = {
  ...{ id: 'msg_1', type: 'message', model: 'scripted', stop_reason: 'end_turn', stop_sequence: null },
  usage: {
    input_tokens: 900,
    output_tokens: 60,
    cache_read_input_tokens: 9_000,
    cache_creation_input_tokens: 700,
  },
};
