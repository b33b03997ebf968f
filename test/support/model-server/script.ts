/** The instructions that a prompt gives, one a line. */
import { type Fault, parseFault } from './fault.ts';

export type Instruction =
  | { kind: 'tool'; name: string; input: Record<string, unknown> }
  | { kind: 'say'; text: string }
  | { kind: 'remember'; text: string }
  | { kind: 'recall' }
  | { kind: 'summarize' }
  | { kind: 'wait'; seconds: number }
  | { kind: 'fail'; fault: Fault }
  | { kind: 'unknown'; line: string };

/** The answer to a line that is none of the instructions. */
export const understood = [
  'I am a scripted stand-in, not a model. I understand, one instruction a line:',
  'run: CMD · write PATH: TEXT · read PATH · remember: TEXT · recall · say: TEXT · wait: SECONDS · tool NAME JSON · fail: STATUS',
].join(' ');

const forms: [RegExp, (first: string, second: string) => Instruction | undefined][] = [
  [/^run: *(\S.*)$/, (command) => ({ kind: 'tool', name: 'Bash', input: { command } })],
  [
    /^write (\S+): ?(.*)$/,
    (path, content) => ({ kind: 'tool', name: 'Write', input: { file_path: path, content } }),
  ],
  [/^read (\S+)$/, (path) => ({ kind: 'tool', name: 'Read', input: { file_path: path } })],
  [/^remember: *(\S.*)$/, (text) => ({ kind: 'remember', text })],
  [/^recall$/, () => ({ kind: 'recall' })],
  // How an agent asks for a summary where the API makes none.
  [/^summarize the conversation\.?$/i, () => ({ kind: 'summarize' })],
  [/^say: *(\S.*)$/, (text) => ({ kind: 'say', text })],
  [/^wait: *(\d+(?:\.\d+)?)s?$/, (seconds) => ({ kind: 'wait', seconds: Number(seconds) })],
  [/^tool ([a-zA-Z0-9_-]+) *(\{.*\})$/, toolCall],
  [
    /^fail: *(\S.*)$/,
    (text) => {
      const fault = parseFault(text);
      return fault && { kind: 'fail', fault };
    },
  ],
];

function toolCall(name: string, json: string): Instruction | undefined {
  try {
    return { kind: 'tool', name, input: JSON.parse(json) };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function parseLine(line: string): Instruction {
  for (const [pattern, make] of forms) {
    const match = pattern.exec(line);
    const instruction = match && make(match[1] ?? '', match[2] ?? '');
    if (instruction) return instruction;
  }
  return { kind: 'unknown', line };
}

/**
 * The instructions of `text` in order. Passages in tags of their own line, as agents put notices before a prompt
 * (`<system-reminder>` … `</system-reminder>`), are not the user's words and are left out.
 */
export function parseScript(text: string): Instruction[] {
  const spoken = text.replace(/^<([a-z][a-z_-]*)(?: [^>]*)?>(?:.|\n)*?<\/\1>[ \t]*$/gm, '');
  return spoken
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.length > 0)
    .map(parseLine);
}

/** Whether `text` says anything that the stand-in would act on. */
export function isScript(text: string): boolean {
  return parseScript(text).some((instruction) => instruction.kind !== 'unknown');
}
