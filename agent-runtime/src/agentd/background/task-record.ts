import { z } from 'zod';
import { backgroundRequest } from '../../protocol/tools-api.ts';
import type { Variables } from '../hooks/environment.ts';

/** Of a command whose output is told to its session line by line. */
const monitor = z.object({
  /** What is watched for, in a few words. */
  description: z.string().max(500),
  /** It is ended then. Absent: it runs until it ends or is ended. */
  until: z.iso.datetime().optional(),
});

/** One line of `background.jsonl`. A task is on disk before its command is started, and `started` before the model is told. */
export const taskRecord = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('task'),
    id: backgroundRequest.shape.id,
    session: z.string(),
    // A longer one cannot be started.
    command: z
      .string()
      .min(1)
      .max(128 * 1024),
    cwd: z.string().max(4096),
    /** Variables beside those of the workspace. */
    env: z.record(z.string(), z.string()).optional(),
    restartable: z.boolean(),
    ignorable: z.boolean(),
    monitor: monitor.optional(),
    startedAt: z.iso.datetime(),
  }),
  z.object({ type: z.literal('started'), id: z.string(), outputFile: z.string() }),
  z.object({
    type: z.literal('ended'),
    id: z.string(),
    status: z.enum(['exited', 'killed', 'lost']),
    exitCode: z.int().optional(),
    at: z.string(),
  }),
]);
export type TaskRecord = z.infer<typeof taskRecord>;

/** A background command of a session. */
export interface Task {
  id: string;
  session: string;
  command: string;
  cwd: string;
  env?: Variables | undefined;
  restartable: boolean;
  ignorable: boolean;
  monitor?: z.infer<typeof monitor> | undefined;
  startedAt: string;
  status: 'running' | 'exited' | 'killed' | 'lost';
  exitCode?: number;
  outputFile?: string;
  /** Whether `workspaced` ever confirmed that it runs. One that it never did is not started again by a wake. */
  confirmed: boolean;
  /** Words for the model; absent while it runs. */
  ending?: string;
}

/** Folds the lines of the log into the tasks they describe. */
export function foldTask(tasks: Map<string, Task>, record: TaskRecord): void {
  if (record.type === 'task') {
    const { type: _, ...task } = record;
    tasks.set(task.id, { ...task, status: 'running', confirmed: false });
    return;
  }
  const task = tasks.get(record.id);
  if (task === undefined) return;
  if (record.type === 'started') {
    task.confirmed = true;
    task.outputFile = record.outputFile;
    return;
  }
  task.status = record.status;
  if (record.exitCode !== undefined) task.exitCode = record.exitCode;
  task.ending = endingOf(task);
}

function endingOf(task: Task): string {
  if (task.status === 'exited') return `ended with exit code ${task.exitCode ?? 'unknown'}`;
  if (task.status === 'killed') return 'was ended';
  return 'ended when the workspace stopped; it was not started again';
}
