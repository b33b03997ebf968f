import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { BackgroundTask } from '../../protocol/tools-api.ts';
import { pipedLauncher } from '../process/launcher.ts';
import { Session } from '../process/session.ts';
import { readProcess } from '../process/table.ts';
import { type BackgroundContext, BackgroundTasks, backgroundLimits } from './tasks.ts';

let home: string;
let changes: BackgroundTask[];
let context: BackgroundContext;
let tasks: BackgroundTasks;
const warnings: string[] = [];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'background-'));
  changes = [];
  context = {
    home,
    declared: { PATH: process.env.PATH ?? '' },
    launcher: pipedLauncher,
    folder: join(home, 'background'),
    kernel: 'kernel-1',
    limits: { ...backgroundLimits, graceMs: 200 },
    log: {
      info: () => undefined,
      warn: (message) => warnings.push(message),
      error: (message) => warnings.push(message),
    },
    changed: (task) => changes.push(task),
  };
  tasks = new BackgroundTasks(context);
});
afterEach(async () => {
  await tasks.stopAll(0);
  await rm(home, { recursive: true, force: true });
});

const state = (id: string) => tasks.list().find((task) => task.id === id);
const over = (id: string) => vi.waitFor(() => expect(state(id)?.status).not.toBe('running'));

test('a task runs on after it was accepted, and its end is told', async () => {
  const accepted = await tasks.start({ id: 'a', command: 'echo hello; exit 4' });
  expect(accepted.status).toBe('running');
  await over('a');
  expect(state('a')).toMatchObject({ status: 'exited', exitCode: 4, outputBytes: 6 });
  expect(await readFile(accepted.outputFile, 'utf8')).toBe('hello\n');
  // Told once the record of it is on disk, which is a moment after the task is listed as over.
  await vi.waitFor(() => expect(changes.map((task) => task.status)).toEqual(['running', 'exited']));
});

test('the same id starts nothing twice, neither at the same time nor after its end', async () => {
  const request = { id: 'a', command: 'echo x >> count' };
  await Promise.all([tasks.start(request), tasks.start(request)]);
  await over('a');
  await tasks.start(request);
  expect(await readFile(join(home, 'count'), 'utf8')).toBe('x\n');
});

test('a task that is killed ends with everything that it started', async () => {
  await tasks.start({ id: 'a', command: 'sleep 60 & echo $! > child; wait' });
  const child = await vi.waitFor(async () => {
    const pid = Number(await readFile(join(home, 'child'), 'utf8'));
    expect(pid).toBeGreaterThan(0);
    return pid;
  });
  expect(await tasks.kill('a')).toMatchObject({ status: 'killed' });
  expect([undefined, 'Z']).toContain(readProcess(child)?.state);
});

test('a task whose shell only starts something with & runs as long as that does', async () => {
  await tasks.start({ id: 'a', command: '(until [ -e stop ]; do :; done; echo late) &' });
  await vi.waitFor(async () => expect(state('a')?.status).toBe('running'));
  await new Promise<void>((resolve, reject) => {
    Session.start({ file: 'touch', args: ['stop'], cwd: home, env: {} }).then(
      (session) => session.exited.then(() => resolve()),
      reject,
    );
  });
  await over('a');
  expect(state('a')).toMatchObject({ status: 'exited', exitCode: 0, outputBytes: 5 });
});

test('after a crash a lost task is reported as killed, and what still lives of it is ended', async () => {
  await tasks.start({ id: 'a', command: 'echo before; exec sleep 60' });
  const { pid } = JSON.parse(await readFile(join(context.folder, 'a.json'), 'utf8'));
  await vi.waitFor(() => expect(state('a')?.outputBytes).toBe(7));
  const restarted = new BackgroundTasks(context);
  await restarted.load();
  expect(restarted.list()).toMatchObject([{ id: 'a', status: 'killed', outputBytes: 7 }]);
  await vi.waitFor(() => expect(readProcess(pid)).toBeUndefined());
});

test('a process of another kernel that happens to have the recorded pid is left alone', async () => {
  await tasks.start({ id: 'a', command: 'exec sleep 60' });
  const { pid } = JSON.parse(await readFile(join(context.folder, 'a.json'), 'utf8'));
  await new BackgroundTasks({ ...context, kernel: 'kernel-2' }).load();
  expect(readProcess(pid)).toBeDefined();
});

test('a record that was cut short is reported and does not keep the others from being read', async () => {
  await tasks.start({ id: 'a', command: 'true' });
  await over('a');
  await vi.waitFor(async () =>
    expect(await readFile(join(context.folder, 'a.json'), 'utf8')).toContain('exited'),
  );
  const { writeFile } = await import('node:fs/promises');
  await writeFile(join(context.folder, 'b.json'), '{"id":');
  const restarted = new BackgroundTasks(context);
  await restarted.load();
  expect(restarted.list().map((task) => task.id)).toEqual(['a']);
  expect(warnings).toContain('background record cannot be read');
});

test('a task that a sleep ended starts again on request and its output goes on', async () => {
  await tasks.start({ id: 'a', command: 'echo run; sleep 60' });
  await vi.waitFor(() => expect(state('a')?.outputBytes).toBe(4));
  expect(await tasks.stopAll(100)).toMatchObject([{ id: 'a', status: 'killed' }]);
  expect(await tasks.restart({ id: 'a', command: 'echo run; sleep 60' })).toMatchObject({
    status: 'running',
  });
  await vi.waitFor(() => expect(state('a')?.outputBytes).toBe(8));
});

test('no more tasks than the limit run at the same time', async () => {
  context.limits = { ...context.limits, running: 1 };
  await tasks.start({ id: 'a', command: 'sleep 60' });
  await expect(tasks.start({ id: 'b', command: 'true' })).rejects.toMatchObject({ code: 'limit' });
});

test('the oldest tasks that are over make room, with their output', async () => {
  context.limits = { ...context.limits, retention: { files: 0, bytes: 0 } };
  const { outputFile } = await tasks.start({ id: 'a', command: 'true' });
  await over('a');
  await tasks.start({ id: 'b', command: 'sleep 60' });
  expect(state('a')).toBeUndefined();
  await expect(readFile(outputFile)).rejects.toThrow('ENOENT');
});

test('output is read in slices; what does not exist is named', async () => {
  await tasks.start({ id: 'a', command: "printf 'aé€😀'" });
  await over('a');
  let text = '';
  for (let offset = 0, end = false; !end; ) {
    const slice = await tasks.output('a', offset, 4);
    text += slice.text;
    offset = slice.nextOffset;
    end = slice.end;
  }
  expect(text).toBe('aé€😀');
  await expect(tasks.output('b', 0, 10)).rejects.toMatchObject({ code: 'not_found' });
});
