import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A folder of this one: something to do, how it begins, and how to tell whether it was done. */
export interface Task {
  name: string;
  /** What a person asks for. */
  prompt: string;
  /** Shell script that makes the files of its folder, in it. */
  setup: string;
  /** Shell script: ends with 0 in its folder where the task was done, and with something else before. */
  check: string;
  /** What the scripted model is told: instructions, one a line. */
  solution: string;
  /** What a person says to questions, one line for each. */
  answers: string[];
}

/** The tasks of these names, or all. Throws where there is none of a name, or a file is missing. */
export async function readTasks(names: readonly string[] = []): Promise<Task[]> {
  const found = await readdir(import.meta.dirname, { withFileTypes: true });
  const folders = found.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const unknown = names.find((name) => !folders.includes(name));
  if (unknown !== undefined) throw new TypeError(`no task ${unknown}; one of: ${folders.sort().join(', ')}`);
  return Promise.all((names.length === 0 ? folders.sort() : names).map(readTask));
}

async function readTask(name: string): Promise<Task> {
  const read = (file: string) => readFile(join(import.meta.dirname, name, file), 'utf8');
  const [prompt, setup, check, solution] = await Promise.all(
    ['task.md', 'setup', 'check', 'solution'].map(read),
  );
  const answers = await read('answers').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return {
    ...{ name, prompt: prompt ?? '', setup: setup ?? '', check: check ?? '', solution: solution ?? '' },
    answers: answers.split('\n').filter((line) => line !== ''),
  };
}
