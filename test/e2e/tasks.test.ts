import { expect, it } from 'vitest';
import { suite } from '../support/suite.ts';
import { runTasks } from '../tasks/run.ts';
import { readTasks } from '../tasks/task.ts';

const here = suite('tasks');

/** The model follows a script here: what is shown is that the tools, the questions and the transcripts of a pod carry real work. */
it('the agent does each task of test/tasks, none of which was done before', async () => {
  const tasks = await readTasks();
  expect(tasks.length).toBeGreaterThanOrEqual(20);
  const results = await runTasks(here.workspaces, tasks, { scripted: true });
  expect(results.filter(({ passed }) => !passed)).toEqual([]);
});
