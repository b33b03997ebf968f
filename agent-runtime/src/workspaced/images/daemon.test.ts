import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { ToolsClient } from '../../agentd/tools/tools-client.ts';
import { terminalList, terminalState } from '../../protocol/terminals.ts';
import * as api from '../../protocol/tools-api.ts';
import { readProcess } from '../process/table.ts';
import { Onlooker } from '../testing/onlooker.ts';
import { standInForCriu } from '../testing/stand-in-for-criu.ts';
import { compileTerminalHost } from '../testing/terminal-host.ts';

// Each starts two daemons or three, and a shell: seconds, where other tests keep the machine busy.
vi.setConfig({ testTimeout: 60_000 });

/** The real daemon with a stand-in for criu. A pod ends by KILL here, so that what was dumped is still there to be "restored". */
let base: string;
let terminalHost: string;
let home: string;
let daemon: ChildProcess;
let client: ToolsClient;
let leaders: { pid: number; startTime: number }[];

async function start(change: NodeJS.ProcessEnv = {}): Promise<void> {
  daemon = spawn(process.execPath, [join(import.meta.dirname, '../main.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      DORMOUSE_PROCESS_IMAGES: '1',
      DORMOUSE_CRIU: join(base, 'criu'),
      DORMOUSE_TERMINAL_HOST: terminalHost,
      DORMOUSE_SCRATCH: join(base, 'tmp'),
      DORMOUSE_TOOLS_SOCKET: join(base, 'run/tools.sock'),
      DORMOUSE_HOME: home,
      DORMOUSE_PROCESSES: join(base, 'processes'),
      DORMOUSE_TRANSCRIPTS: join(base, 'transcripts'),
      ...change,
    },
  });
  if (!daemon.stdout) throw new Error('the daemon has no output');
  for await (const line of createInterface({ input: daemon.stdout })) {
    if (JSON.parse(line).msg !== 'ready') continue;
    daemon.stdout.resume();
    return;
  }
  throw new Error('the daemon ended before it was ready');
}

async function end(signal: NodeJS.Signals): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const exited = once(daemon, 'exit');
  daemon.kill(signal);
  await exited;
}

beforeAll(async () => {
  terminalHost = await compileTerminalHost();
}, 120_000);
afterAll(() => rm(dirname(terminalHost), { recursive: true, force: true }));
beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'images-')));
  home = join(base, 'home');
  leaders = [];
  for (const name of ['home', 'transcripts', 'tmp']) await mkdir(join(base, name));
  await standInForCriu(base);
  client = new ToolsClient(join(base, 'run/tools.sock'));
});
afterEach(async () => {
  client.close();
  await end('SIGTERM');
  for (const { pid, startTime } of leaders) {
    const entry = readProcess(pid);
    if (entry?.startTime === startTime) process.kill(-entry.group, 'SIGKILL');
  }
  await rm(base, { recursive: true, force: true });
});

const post = <T>(path: string, body: object, schema: z.ZodType<T>) => client.call('POST', path, body, schema);
const tasks = () => client.call('GET', '/background', undefined, z.array(api.backgroundTask));
const checkpoint = () => post('/checkpoint', { images: '00000001', terminals: true }, api.stopResult);
const wake = (images: api.ProcessImage[] | undefined, services: object[] = [web]) =>
  post(
    '/restore',
    { services, background: [], ...(images && { images: { folder: '00000001', images } }) },
    api.restoreResult,
  );
const web = {
  name: 'web',
  command: ['bash', '-c', 'echo $$ > web.pid; while :; do echo tick; sleep 0.05; done'],
  restart: 'Always' as const,
};
const counter = { id: 'count', command: 'echo $$ > count.pid; while :; do echo on; sleep 0.05; done' };

/** The pid that a process wrote into the home. */
async function pidIn(name: string): Promise<number> {
  const pid = await vi.waitFor(async () => {
    const read = Number(await readFile(join(home, name), 'utf8'));
    expect(read).toBeGreaterThan(0);
    return read;
  }, 10_000);
  leaders.push({ pid, startTime: readProcess(pid)?.startTime ?? 0 });
  return pid;
}

async function running(): Promise<{ service: number; task: number }> {
  await start();
  await wake(undefined);
  await post('/background', counter, api.backgroundTask);
  return { service: await pidIn('web.pid'), task: await pidIn('count.pid') };
}

const state = (pid: number) => readProcess(pid)?.state;
/** In a pod its first process takes away what has ended; who does here is not known. */
const isGone = (pid: number) => expect([undefined, 'Z']).toContain(state(pid));
const runs = (pid: number) => expect(['R', 'S']).toContain(state(pid));

test('nothing is run before it is known what is to be restored', async () => {
  await start();
  let done = false;
  const early = post('/background', counter, api.backgroundTask).then((task) => {
    done = true;
    return task;
  });
  expect(await client.call('GET', '/healthz', undefined, api.toolsHealth)).toMatchObject({ stopping: true });
  expect(await tasks()).toEqual([]);
  expect(done).toBe(false);
  await wake(undefined);
  expect((await early).status).toBe('running');
  await pidIn('count.pid');
});

test('a dump leaves services and tasks stopped, with the digests of their images; a cancel lets them go on', async () => {
  const { service, task } = await running();
  const { services, background, images } = await checkpoint();
  expect(services).toEqual(['web']);
  expect(background.map(({ id }) => id)).toEqual(['count']);
  expect(images?.map(({ kind, id, pid }) => [kind, id, pid])).toEqual([
    ['service', 'web', service],
    ['background', 'count', task],
  ]);
  expect(images?.[0]?.files).toEqual([
    {
      name: 'pages-1.img',
      bytes: String(service).length + 1,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    },
  ]);
  for (const pid of [service, task]) expect(state(pid)).toBe('T');
  // Asked again after a lost answer.
  expect((await checkpoint()).images).toEqual(images);
  expect((await wake(undefined)).services).toMatchObject([{ name: 'web', status: 'running', restarts: 0 }]);
  for (const pid of [service, task]) await vi.waitFor(() => runs(pid), 5_000);
  // What ran on does not fit its image any more.
  expect(await readdir(join(base, 'processes'))).not.toContain('images');
});

test('what was dumped is taken up by the next pod, once', async () => {
  const { service, task } = await running();
  const { images } = await checkpoint();
  await end('SIGKILL');
  await writeFile(join(base, 'tmp/open'), 'by a process');
  await start();
  expect(await readdir(join(base, 'tmp'))).toEqual(['open']);
  const woken = await wake(images);
  expect(woken.images).toEqual([
    { kind: 'service', id: 'web' },
    { kind: 'background', id: 'count' },
  ]);
  expect(woken.services).toMatchObject([{ name: 'web', status: 'running' }]);
  expect(await tasks()).toMatchObject([{ id: 'count', status: 'running' }]);
  for (const pid of [service, task]) await vi.waitFor(() => runs(pid), 5_000);
  // It is looked after as before: its end is seen, and what is declared with Always starts again.
  process.kill(-service, 'SIGKILL');
  await rm(join(home, 'web.pid'));
  expect(await pidIn('web.pid')).not.toBe(service);
  await client.call('DELETE', '/background/count', undefined, api.backgroundTask);
  isGone(task);
  expect((await wake(images)).images?.map(({ lost }) => lost)).toEqual([
    expect.stringContaining('its image is gone'),
    expect.stringContaining('its image is gone'),
  ]);
});

test('an image that was cut, or whose service is declared otherwise, is not restored, and the rest is', async () => {
  const { service, task } = await running();
  const { images } = await checkpoint();
  await end('SIGKILL');
  await truncate(join(base, 'processes/images/00000001/background-count/pages-1.img'), 1);
  await start();
  const other = { ...web, command: ['sleep', '60'] };
  const woken = await wake(images, [other]);
  expect(woken.images?.map(({ id, lost }) => [id, lost])).toEqual([
    ['web', 'it is declared otherwise now'],
    ['count', expect.stringMatching(/pages-1\.img of its image has 1 bytes, not \d+/)],
  ]);
  expect(woken.services).toMatchObject([{ name: 'web', status: expect.stringMatching(/starting|running/) }]);
  for (const pid of [service, task]) expect(state(pid)).toBe('T');
});

test('a restore that fails leaves nothing behind, and the service starts afresh', async () => {
  const { service } = await running();
  const { images } = await checkpoint();
  await end('SIGKILL');
  await writeFile(join(base, 'fail-restore'), 'Error (criu/x.c:1): File home/x has bad size 1 (expect 2)\n');
  await start();
  const woken = await wake(images);
  expect(woken.images?.[0]?.lost).toMatch(/^a file that it has open is not as it was/);
  isGone(service);
  await rm(join(home, 'web.pid'));
  expect(await pidIn('web.pid')).not.toBe(service);
});

test('where one cannot be dumped all run on, and the answer says which and why', async () => {
  const { service, task } = await running();
  await writeFile(join(base, 'fail-dump'), 'Error (criu/fsnotify.c:284): fsnotify: no\n');
  await expect(checkpoint()).rejects.toMatchObject({
    code: 'dump_failed',
    message: expect.stringMatching(/^service web cannot be dumped: it watches files with inotify/),
  });
  for (const pid of [service, task]) await vi.waitFor(() => runs(pid), 5_000);
  expect((await post('/background', { ...counter, id: 'other' }, api.backgroundTask)).status).toBe('running');
});

test('when the pod ends, what was dumped is killed without a step more', async () => {
  const { service, task } = await running();
  await checkpoint();
  const before = (await tasks())[0]?.outputBytes;
  await end('SIGTERM');
  for (const pid of [service, task]) await vi.waitFor(() => isGone(pid), 5_000);
  expect((await readFile(join(base, 'processes/background/count.log'))).length).toBe(before);
});

test('without criu in the image processes are ended, and the answer says why there are no images', async () => {
  await start({ DORMOUSE_CRIU: join(base, 'missing') });
  await post('/background', counter, api.backgroundTask);
  const { unsupported, images } = await checkpoint();
  expect(unsupported).toMatch(/the image of the workspace has no/);
  expect(images).toBeUndefined();
  expect(await tasks()).toMatchObject([{ id: 'count', status: 'killed' }]);
});

test('what is left in the folders for open files is gone at a start without images', async () => {
  await writeFile(join(base, 'tmp/old'), 'of the pod before');
  await start();
  expect(await readdir(join(base, 'tmp'))).toEqual([]);
});

test('images that somebody put something else in place of are lost in words, at once, and the rest runs', async () => {
  await running();
  const { images } = await checkpoint();
  await end('SIGKILL');
  const folder = join(base, 'processes/images/00000001');
  await rm(join(folder, 'service-web/pages-1.img'));
  execFileSync('mkfifo', [join(folder, 'service-web/pages-1.img')]);
  await rename(join(folder, 'background-count'), join(base, 'elsewhere'));
  await symlink(join(base, 'elsewhere'), join(folder, 'background-count'));
  await start();
  const [first] = images ?? [];
  if (first === undefined) throw new Error('there are no images');
  const woken = await wake([...(images ?? []), first]);
  expect(woken.images?.map(({ lost }) => lost)).toEqual([
    'pages-1.img of its image is a named pipe',
    'its image is a symbolic link, not a folder',
    'the checkpoint names it twice',
  ]);
  expect(woken.services).toMatchObject([{ name: 'web', status: expect.stringMatching(/starting|running/) }]);
  expect(await readdir(join(base, 'elsewhere'))).toEqual(['pages-1.img']);
});

test('whatever a tool left in place of its folders, the tools come up', async () => {
  await mkdir(join(base, 'processes'));
  execFileSync('mkfifo', [join(base, 'processes/background')]);
  await symlink('/nowhere', join(base, 'processes/services'));
  await symlink(home, join(base, 'processes/images'));
  await writeFile(join(home, 'kept'), '');
  await start();
  await wake(undefined);
  await post('/background', counter, api.backgroundTask);
  await pidIn('count.pid');
  await pidIn('web.pid');
  expect(await readdir(home)).toContain('kept');
});

test('a record of a task that is a pipe, or one with a path for a name, is passed over', async () => {
  await mkdir(join(base, 'processes/background'), { recursive: true });
  execFileSync('mkfifo', [join(base, 'processes/background/a.json')]);
  const record = { id: '../../home/x', status: 'exited', exitCode: 0, signal: null, command: 'x', pid: 1 };
  await writeFile(
    join(base, 'processes/background/b.json'),
    JSON.stringify({ ...record, startTime: 1, kernel: 'x' }),
  );
  await start();
  await wake(undefined);
  expect(await tasks()).toEqual([]);
});

test('a tree deeper than a path is long does not keep the tools from coming up', async () => {
  let at = '.';
  for (let depth = 0; depth < 60; depth += 1) at += `/${'d'.repeat(100)}`;
  execFileSync('bash', [
    '-c',
    `cd "$0" && for d in $(tr / ' ' <<<"$1"); do mkdir -p "$d"; cd "$d"; done`,
    join(base, 'tmp'),
    at,
  ]);
  await start();
  expect(await readdir(join(base, 'tmp'))).toEqual([]);
});

const terminals = () => client.call('GET', '/terminals', undefined, terminalList);
const look = async (id: string) =>
  new Onlooker(await client.upgrade(`/terminals/${id}`, api.terminalUpgrade));

/** A shell on a terminal with a word in a variable, and the pids of its host and of itself. */
async function shell(): Promise<{ id: string; host: number; pid: number }> {
  const request = { columns: 80, rows: 24, name: 'main', command: ['bash', '--norc', '--noprofile'] };
  const { id } = await post('/terminals', request, terminalState);
  const onlooker = await look(id);
  onlooker.type(
    'bird=heron; (sleep 1234 & echo $! > orphan.pid); echo $PPID > host.pid; echo $$ > shell.pid\r',
  );
  const [host, pid] = [await pidIn('host.pid'), await pidIn('shell.pid')];
  await pidIn('orphan.pid');
  onlooker.leave();
  return { id, host, pid };
}

test('a terminal is dumped with all that runs on it and its last screen, and goes on in the next pod', async () => {
  await start();
  await wake(undefined, []);
  const { id, host, pid } = await shell();
  const client1 = await look(id);
  await client1.sees('echo $$ > shell.pid');
  const { images } = await checkpoint();
  expect(images?.map(({ kind, id: of, pid: root, terminal }) => [kind, of, root, terminal?.name])).toEqual([
    ['terminal', id, host, 'main'],
  ]);
  expect(await client1.seesTheEnd()).toMatchObject({ asleep: true, signal: 'SIGHUP' });
  for (const each of [host, pid, await pidIn('orphan.pid')]) expect(state(each)).toBe('T');
  await end('SIGKILL');
  await start();
  // Who attaches before it is restored waits for it.
  const waiting = look(id);
  expect((await wake(images, [])).images).toEqual([{ kind: 'terminal', id }]);
  expect(await terminals()).toMatchObject({ terminals: [{ id, name: 'main', columns: 80 }] });
  const again = await waiting;
  await again.sees('echo $$ > shell.pid');
  again.type('echo "a $bird"; exit 7\r');
  await again.sees('a heron');
  expect(await again.seesTheEnd()).toEqual({ type: 'exit', code: 7 });
  await vi.waitFor(() => isGone(host), 5_000);
});

test('a terminal goes on where the sleep is called off, with what was typed meanwhile', async () => {
  await start();
  await wake(undefined, []);
  const { id } = await shell();
  const { images } = await checkpoint();
  expect(images).toHaveLength(1);
  const onlooker = await look(id);
  onlooker.type('echo "a $bird"\r');
  await wake(undefined, []);
  await onlooker.sees('a heron');
  expect(await terminals()).toMatchObject({ terminals: [{ id, clients: 1 }] });
});

test('a terminal that cannot be dumped is ended where it waits at its prompt, and else keeps the workspace awake', async () => {
  await start();
  await wake(undefined, []);
  const { id, pid } = await shell();
  await writeFile(join(base, 'fail-dump'), 'Error (criu/tty.c:1): tty: no\n');
  await expect(checkpoint()).rejects.toMatchObject({
    code: 'dump_failed',
    message: expect.stringMatching(/^terminal t1-\w+ cannot be dumped: it holds a terminal/),
  });
  const onlooker = await look(id);
  process.kill(await pidIn('orphan.pid'), 'SIGKILL');
  onlooker.type('echo "still a $bird"\r');
  await onlooker.sees('still a heron');
  const { images, lost } = await checkpoint();
  expect(images).toEqual([]);
  expect(lost).toEqual([expect.stringMatching(/^terminal t1-\w+ cannot be dumped: it holds a terminal/)]);
  expect(await onlooker.seesTheEnd()).toMatchObject({ message: lost?.[0] });
  await vi.waitFor(() => isGone(pid), 5_000);
});

test('an agentd that knows nothing of images of terminals has them ended', async () => {
  await start();
  await wake(undefined, []);
  const { pid } = await shell();
  const { images } = await post('/checkpoint', { images: '00000001' }, api.stopResult);
  expect(images).toEqual([]);
  await vi.waitFor(() => isGone(pid), 5_000);
});
