import { z } from 'zod';
import { failed, succeeded, type Tool, type ToolOutcome } from './tool.ts';
import type { ExecExit } from './tools-client.ts';

/** Characters of output that go to the model whole. Beyond, it gets both ends, and the rest lies in a file. */
export const outputLimit = 30_000;
const previewChars = 2_000;

const input = z.strictObject({
  command: z.string().min(1).max(65_536).describe('The command line, run by bash.'),
  timeout: z
    .number()
    .min(1)
    .max(600_000)
    .optional()
    .describe('Milliseconds until the command is ended; 120000 unless given, at most 600000.'),
  description: z.string().max(500).optional().describe('What the command does, in five to ten words.'),
  run_in_background: z
    .boolean()
    .optional()
    .describe('Start it and go on; TaskOutput reads what it prints, TaskStop ends it.'),
  restartable: z
    .boolean()
    .optional()
    .describe(
      'Only with run_in_background: may be started again from its beginning after the workspace slept.',
    ),
  ignorable: z
    .boolean()
    .optional()
    .describe(
      'Only with run_in_background: does not keep the workspace awake while it runs, such as a watcher.',
    ),
});

export const bash: Tool<z.infer<typeof input>> = {
  name: 'Bash',
  description:
    'Runs a bash command in the workspace and returns what it prints. The working directory carries over to the next ' +
    'command; shell variables do not. Use Read, Edit, Write, Glob and Grep for files. Quote paths that hold spaces. ' +
    `Output above ${outputLimit} characters is put into a file and only its ends are returned.`,
  input,
  parallel: false,
  access: ({ command }) => ({ kind: 'bash', command }),
  summary: ({ command, run_in_background }) =>
    run_in_background ? `${command} (in the background)` : command,
  async run(call, context) {
    if (call.run_in_background) return startInBackground(call, context);
    if (call.restartable !== undefined || call.ignorable !== undefined) {
      return failed('restartable and ignorable are only for commands with run_in_background: true.');
    }
    const output = new BoundedOutput();
    const exit = await context.client.exec(
      {
        command: call.command,
        cwd: context.cwd,
        env: context.environment,
        timeoutMs: Math.round(call.timeout ?? 120_000),
      },
      (text) => output.add(text),
      { signal: context.signal },
    );
    return outcomeOf(exit, output);
  },
};

const startInBackground: typeof bash.run = async (call, context) => {
  const task = await context.background.start(
    {
      session: context.session,
      command: call.command,
      cwd: context.cwd,
      env: context.environment,
      restartable: call.restartable ?? false,
      ignorable: call.ignorable ?? false,
    },
    context.signal,
  );
  return succeeded(`Running in the background as ${task.id}. Its output goes to ${task.outputFile}.`);
};

/** Keeps as much as is shown, from both ends, however much comes. */
class BoundedOutput {
  #head = '';
  #rest = '';
  #dropped = false;

  add(text: string): void {
    const room = outputLimit - this.#head.length;
    this.#head += text.slice(0, room);
    if (text.length <= room) return;
    this.#dropped = true;
    this.#rest = (this.#rest + text.slice(room)).slice(-previewChars);
  }

  /** What was printed, and whether that is all of it. */
  get(): { text: string; whole: boolean } {
    if (!this.#dropped) return { text: this.#head, whole: true };
    return {
      text: `${this.#head.slice(0, previewChars)}\n[…]\n${(this.#head + this.#rest).slice(-previewChars)}`,
      whole: false,
    };
  }
}

function outcomeOf(exit: ExecExit, output: BoundedOutput): ToolOutcome {
  const { text, whole } = output.get();
  const lines = [text.replace(/\n+$/, '')].filter((line) => line !== '');
  if (!whole || exit.outputFile !== undefined) {
    const where = exit.outputFile === undefined ? '' : ` The whole output is in ${exit.outputFile}.`;
    lines.push(`[Output shortened: it has ${exit.outputBytes} bytes.${where}]`);
  }
  if (exit.timedOut) lines.push('[The command was ended because it ran into its timeout.]');
  else if (exit.signal !== null) lines.push(`[The command was ended by ${exit.signal}.]`);
  else if (exit.code !== 0) lines.push(`[Exit code ${exit.code}]`);
  const content = lines.join('\n') || '(no output)';
  const cwd = exit.cwd.slice(0, 4096);
  return { content, isError: exit.code !== 0, ...(cwd.startsWith('/') && { cwd }) };
}
