import { eachOf } from '../support/each-of.ts';
import type { WorkspaceInput, Workspaces } from '../support/workspaces.ts';
import { attempt, type Result } from './attempt.ts';
import type { Task } from './task.ts';

/** Tasks at the same time. */
const width = 4;

export interface RunOptions {
  scripted: boolean;
  /** Of the workspace that all are done in. */
  spec?: WorkspaceInput;
  /** Milliseconds for each. */
  limit?: number;
  onResult?: (result: Result) => void;
}

/** Has all tasks done in one workspace, which it makes. Answers in their order. */
export async function runTasks(
  workspaces: Workspaces,
  tasks: readonly Task[],
  { scripted, spec = {}, limit = 120_000, onResult = () => undefined }: RunOptions,
): Promise<Result[]> {
  const workspace = 'tasks';
  await workspaces.create(workspace, { runPolicy: 'Always', ...spec });
  await workspaces.inPhase(workspace, 'Running');
  const results = new Map<string, Result>();
  await eachOf(tasks, width, async (task) => {
    const result = await attempt(workspaces, task, { workspace, scripted, limit });
    results.set(task.name, result);
    onResult(result);
  });
  return tasks.flatMap(({ name }) => results.get(name) ?? []);
}
