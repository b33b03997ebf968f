import { z } from 'zod';
import { outputLimit } from './bash.ts';
import { failed, succeeded, type Tool } from './tool.ts';

const outputInput = z.strictObject({
  task_id: z.string().min(1).max(64).describe('The id that Bash or Agent gave.'),
  block: z.boolean().optional().describe('Wait until it ends or the timeout is over; true unless given.'),
  timeout: z.number().min(0).max(600_000).optional().describe('Milliseconds to wait; 30000 unless given.'),
});

export const taskOutput: Tool<z.infer<typeof outputInput>> = {
  name: 'TaskOutput',
  description:
    'What a background command printed so far, or a subagent in the background came to, and whether it still runs.',
  input: outputInput,
  parallel: true,
  access: () => ({ kind: 'none', tool: 'TaskOutput' }),
  summary: ({ task_id }) => task_id,
  async run({ task_id, block, timeout }, { background, session, signal, agents }) {
    const waitMs = block === false ? 0 : Math.round(timeout ?? 30_000);
    if (background.find(task_id, session) === undefined)
      return (await agents.output(task_id, waitMs)) ?? failed(noSuchTask(task_id));
    if (block !== false) await background.ended(task_id, waitMs, signal);
    const task = background.find(task_id, session);
    const text = await background.output(task_id, outputLimit, signal);
    const status = `[${task_id}: ${task?.ending ?? 'running'}. All of its output: ${task?.outputFile ?? 'none'}]`;
    return succeeded(text === '' ? status : `${text.replace(/\n+$/, '')}\n${status}`);
  },
};

const stopInput = z.strictObject({
  task_id: z.string().min(1).max(64).describe('The id that Bash or Agent gave.'),
});

export const taskStop: Tool<z.infer<typeof stopInput>> = {
  name: 'TaskStop',
  description: 'Ends a background command, or a subagent, and everything it started.',
  input: stopInput,
  parallel: false,
  access: () => ({ kind: 'none', tool: 'TaskStop' }),
  summary: ({ task_id }) => task_id,
  async run({ task_id }, { background, session, signal, agents }) {
    const task = background.find(task_id, session);
    if (task === undefined) return (await agents.stop(task_id)) ?? failed(noSuchTask(task_id));
    if (task.status !== 'running') return succeeded(`${task_id} had ended before: ${task.ending}.`);
    await background.stop(task_id, signal);
    return succeeded(`Stopped ${task_id}.`);
  },
};

function noSuchTask(id: string): string {
  return `This session has no background command or subagent ${id}.`;
}
