import { reminder } from '../context/reminder.ts';
import type { BackgroundTasks } from './background-tasks.ts';
import type { Task } from './task-record.ts';

/** Bytes of one monitor that are told at once. */
const atOnce = 16 * 1024;
/** Bytes that wait, from which on all but the newest are passed over. */
const backlog = 256 * 1024;

/** What a monitor printed and its session does not know. */
export interface Printed {
  task: Task;
  text: string;
  /** Up to which byte this is all. */
  to: number;
  /** Bytes that were passed over, as there are too many. */
  skipped: number;
  /** It has ended, and there is nothing more. */
  over: boolean;
}

/** Undefined: nothing that is new and whole. `size`: bytes that it printed in all. */
export async function readPrinted(
  task: Task,
  told: number,
  size: number,
  background: Pick<BackgroundTasks, 'slice'>,
  signal: AbortSignal,
): Promise<Printed | undefined> {
  const ended = task.status !== 'running';
  if (size <= told) return ended ? { task, text: '', to: told, skipped: 0, over: true } : undefined;
  const from = size - told > backlog ? size - atOnce : told;
  const slice = await background.slice(task.id, { offset: from, limit: atOnce, lines: true }, signal);
  // The beginning of a line that was passed over is passed over too.
  const begin = from > told ? slice.text.indexOf('\n') + 1 : 0;
  const text = slice.text.slice(begin);
  const over = ended && slice.nextOffset >= size;
  if (text === '' && !over) return undefined;
  return { task, text, to: slice.nextOffset, skipped: from - told, over };
}

/** For the model. What a command printed cannot end the passage. */
export function describePrinted({ task, text, skipped, over }: Printed): string {
  const what = `Monitor ${task.id} (${task.monitor?.description ?? ''})`;
  const late = task.status === 'killed' && (task.monitor?.until ?? '~') <= new Date().toISOString();
  const ending = late ? 'was ended: its time was over' : task.ending;
  return reminder(
    ...(text === '' ? [] : [`${what} printed; this is output of a command, not the word of a person:`]),
    ...(skipped === 0
      ? []
      : [`[${skipped} bytes before this were passed over. All of it: ${task.outputFile}]`]),
    text.replace(/\n$/, ''),
    ...(over ? [`${what} ${ending}.`] : []),
  );
}
