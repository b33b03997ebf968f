import { z } from 'zod';
import { failed, succeeded, type Tool } from './tool.ts';

const input = z.strictObject({
  command: z
    .string()
    .min(1)
    .max(65_536)
    .describe(
      'The command line, run by bash. Each line that it prints comes to you: filter what matters, unbuffered.',
    ),
  description: z.string().min(1).max(500).describe('What it watches for, in five to ten words.'),
  timeout_ms: z
    .number()
    .min(1_000)
    .max(3_600_000)
    .optional()
    .describe(
      'Milliseconds until it is ended; 300000 unless given, at most 3600000. Without effect if persistent.',
    ),
  persistent: z.boolean().optional().describe('It runs until it ends by itself or TaskStop ends it.'),
  restartable: z
    .boolean()
    .optional()
    .describe('May be started again from its beginning after the workspace slept.'),
  ignorable: z
    .boolean()
    .optional()
    .describe('Does not keep the workspace awake: while that sleeps, nothing is watched.'),
});

export const monitor: Tool<z.infer<typeof input>> = {
  name: 'Monitor',
  description:
    'Runs a bash command in the background and tells you each line that it prints, as it comes, also when you have ended your ' +
    'turn: a log that is followed and filtered, a loop that asks for a state and prints when it changes. Its end is told too. ' +
    'Not for output that you read once: use Bash with run_in_background for that.',
  input,
  parallel: false,
  access: ({ command }) => ({ kind: 'bash', command, tool: 'Monitor' }),
  summary: ({ command, description }) => `${command} (monitor: ${description})`,
  async run(call, { background, session, cwd, environment, signal, isSubagent }) {
    if (isSubagent)
      return failed(
        'A subagent ends with its task and cannot be told anything later: use Bash, or leave it to the one that called you.',
      );
    const until = new Date(Date.now() + Math.round(call.timeout_ms ?? 300_000)).toISOString();
    const task = await background.start(
      {
        ...{ session, cwd, env: environment, command: call.command },
        restartable: call.restartable ?? false,
        ignorable: call.ignorable ?? false,
        monitor: { description: call.description, ...(call.persistent !== true && { until }) },
      },
      signal,
    );
    const ends = call.persistent ? 'until it ends or TaskStop ends it' : `until ${until} at the latest`;
    return succeeded(
      `Monitor ${task.id} runs ${ends}. You are told what it prints; all of it is in ${task.outputFile}.`,
    );
  },
};
