import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { ToolsClient } from '../agentd/tools/tools-client.ts';
import * as api from '../protocol/tools-api.ts';
import { readProcess } from './process/table.ts';

/** The real daemon as its own process, asked by the client that `agentd` has. */
let base: string;
let home: string;
let socketPath: string;
let daemon: ChildProcess;
let client: ToolsClient;
/** Processes that a test left behind on purpose, with their start: this test started them, and ends them. */
let strays: { pid: number; startTime: number }[];

async function start(): Promise<void> {
  daemon = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      FROM_IMAGE: 'yes',
      DORMOUSE_TOOLS_SOCKET: socketPath,
      DORMOUSE_HOME: home,
      DORMOUSE_PROCESSES: join(base, 'processes'),
      DORMOUSE_TRANSCRIPTS: join(base, 'transcripts'),
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

async function end(signal: NodeJS.Signals): Promise<number | null> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return daemon.exitCode;
  const exited = once(daemon, 'exit');
  daemon.kill(signal);
  const [code] = await exited;
  return code;
}

beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'workspaced-')));
  home = join(base, 'home');
  socketPath = join(base, 'run/tools.sock');
  strays = [];
  await mkdir(home);
  await mkdir(join(base, 'transcripts'));
  client = new ToolsClient(socketPath);
  await start();
});
afterEach(async () => {
  client.close();
  await end('SIGTERM');
  for (const { pid, startTime } of strays) {
    if (readProcess(pid)?.startTime === startTime) process.kill(pid, 'SIGKILL');
  }
  await rm(base, { recursive: true, force: true });
});

const post = <T>(path: string, body: object, schema: z.ZodType<T>) => client.call('POST', path, body, schema);
const get = <T>(path: string, schema: z.ZodType<T>) => client.call('GET', path, undefined, schema);
const tasks = () => get('/background', z.array(api.backgroundTask));

async function run(command: string, options: { signal?: AbortSignal; cwd?: string } = {}) {
  let text = '';
  const { signal, ...rest } = options;
  const body = { command, timeoutMs: 10_000, ...rest };
  const exit = await client.exec(body, (piece) => (text += piece), signal ? { signal } : {});
  return { ...exit, text };
}

function alive(pid: number): boolean {
  const entry = readProcess(pid);
  return entry !== undefined && entry.state !== 'Z';
}

async function pidIn(name: string): Promise<number> {
  return vi.waitFor(async () => {
    const pid = Number(await readFile(join(home, name), 'utf8'));
    expect(pid).toBeGreaterThan(0);
    return pid;
  });
}

test('the socket is for its owner and the group of the volume', async () => {
  const stats = await stat(socketPath);
  expect([stats.isSocket(), stats.mode & 0o777]).toEqual([true, 0o770]);
});

test('a command streams, and tells how it ended and where', async () => {
  const { text, ...exit } = await run('mkdir a; cd a; echo "$FROM_IMAGE $DORMOUSE_HOME."; exit 3');
  expect(text).toBe('yes .\n');
  expect(exit).toMatchObject({ code: 3, timedOut: false, cwd: join(home, 'a'), outputBytes: 6 });
});

test('a command shows what it prints while it runs, and ends when its caller goes', async () => {
  const caller = new AbortController();
  const body = { command: 'echo $$ > pid; echo shown; sleep 60', timeoutMs: 60_000 };
  const abandon = () => caller.abort(new Error('interrupted'));
  await expect(client.exec(body, abandon, { signal: caller.signal })).rejects.toThrow();
  const pid = await pidIn('pid');
  await vi.waitFor(() => expect(alive(pid)).toBe(false), 5_000);
});

test('the whole of a long output can be read where it is said to be', async () => {
  const { outputFile, outputBytes } = await run('seq 20000');
  const file = await post('/files/read', { path: outputFile }, api.readResult);
  expect([file.totalLines, file.content.length]).toEqual([20_000, outputBytes]);
});

test('a background task is started once, read, ended and told of', async () => {
  const seen: string[] = [];
  const listener = new AbortController();
  const follow = (event: api.ToolsEvent) => {
    if (event.type === 'background') seen.push(`${event.task.id} ${event.task.status}`);
  };
  const following = client.follow('/events', api.toolsEvent, follow, { signal: listener.signal });
  const body = { id: 'a', command: 'echo $$ >> pid; echo printed; sleep 60' };
  // A listener is told what changes after it came: until then, make changes.
  let probes = 0;
  await vi.waitFor(async () => {
    probes += 1;
    await post('/background', { id: `probe-${probes}`, command: 'true' }, api.backgroundTask);
    expect(seen).not.toEqual([]);
  });
  await post('/background', body, api.backgroundTask);
  await post('/background', body, api.backgroundTask);
  const pid = await pidIn('pid');
  const slice = () => get('/background/a/output?offset=2&limit=4', api.outputSlice);
  await vi.waitFor(async () => expect(await slice()).toEqual({ text: 'inte', nextOffset: 6, end: false }));
  const killed = await client.call('DELETE', '/background/a', undefined, api.backgroundTask);
  expect(killed).toMatchObject({ id: 'a', status: 'killed', outputBytes: 8 });
  expect(alive(pid)).toBe(false);
  expect((await tasks()).find((task) => task.id === 'a')).toEqual(killed);
  await vi.waitFor(() => {
    expect(seen.filter((line) => line.startsWith('a '))).toEqual(['a running', 'a killed']);
  });
  listener.abort(new Error('over'));
  await expect(following).rejects.toThrow();
});

test('files are written, read, edited, found and searched', async () => {
  const path = join(home, 'src/a.txt');
  const written = await post('/files/write', { path, content: 'one\ntwo\n' }, api.writeResult);
  expect(written).toMatchObject({ created: true, bytes: 8 });
  const read = await post('/files/read', { path, offset: 1, limit: 1 }, api.readResult);
  expect(read).toEqual({ content: 'two\n', totalLines: 2, truncated: false, hash: written.hash });
  const change = { path, oldString: 'two', newString: 'three', replaceAll: false };
  const edited = await post('/files/edit', { ...change, expectedHash: read.hash }, api.editResult);
  expect(edited.replacements).toBe(1);
  await expect(
    post('/files/edit', { ...change, expectedHash: read.hash }, api.editResult),
  ).rejects.toMatchObject({ code: 'changed' });
  expect(await post('/files/glob', { pattern: '**/*.txt' }, api.globResult)).toMatchObject({ paths: [path] });
  const search = { pattern: 'thr', outputMode: 'content' };
  expect(await post('/files/grep', search, api.grepResult)).toMatchObject({ output: `${path}:2:three` });
});

test('what cannot be served is refused with a code and a sentence', async () => {
  const refused = (path: string, body: object) => expect(post(path, body, z.unknown())).rejects;
  await refused('/files/read', { path: join(home, 'none') }).toMatchObject({ code: 'not_found' });
  await refused('/files/write', { path: '/etc/x', content: '' }).toMatchObject({ code: 'outside_home' });
  await refused('/files/read', {}).toMatchObject({ code: 'invalid' });
  await refused('/exec', { command: 'true', timeoutMs: 0 }).toMatchObject({ code: 'invalid' });
  await refused('/elsewhere', {}).toMatchObject({ code: 'not_found' });
  await refused('/files/write', { path: 'big', content: 'x'.repeat(33 * 1024 * 1024) }).toMatchObject({
    code: 'too_large',
  });
  await expect(get('/background/none/output', api.outputSlice)).rejects.toMatchObject({ code: 'not_found' });
  await expect(get('/background/none/output?limit=x', api.outputSlice)).rejects.toMatchObject({
    code: 'invalid',
  });
});

const service = { name: 'web', command: ['sh', '-c', 'echo $$ > web; exec sleep 60'], restart: 'Always' };

test('a sleep stops commands, services and tasks; nothing starts until the restore, which starts what it names', async () => {
  await client.call('PUT', '/services', { services: [service] }, z.array(api.serviceStatus));
  await post('/background', { id: 'a', command: 'echo $$ > task; sleep 60' }, api.backgroundTask);
  const command = run('echo $$ > command; sleep 60');
  // It had begun: what came of it, its caller cannot know.
  const cut = expect(command).rejects.toMatchObject({ name: 'ToolsUnavailable', sent: true });
  const pids = await Promise.all(['web', 'task', 'command'].map(pidIn));

  const stopped = await post('/checkpoint', {}, api.stopResult);
  expect(stopped).toMatchObject({ services: ['web'], background: [{ id: 'a', status: 'killed' }] });
  expect(pids.map(alive)).toEqual([false, false, false]);
  await cut;
  expect(await post('/checkpoint', {}, api.stopResult)).toEqual(stopped);
  expect((await get('/healthz', api.toolsHealth)).stopping).toBe(true);
  await expect(run('true')).rejects.toMatchObject({ code: 'stopping' });
  for (const [path, body] of [
    ['/background', { id: 'b', command: 'true' }],
    ['/files/write', { path: 'x', content: '' }],
    ['/files/edit', { path: 'x', oldString: 'a', newString: 'b', replaceAll: false }],
    ['/files/grep', { pattern: 'x' }],
  ] as const) {
    await expect(post(path, body, z.unknown())).rejects.toMatchObject({ code: 'stopping' });
  }
  await expect(client.call('PUT', '/services', { services: [] }, z.unknown())).rejects.toMatchObject({
    code: 'stopping',
  });

  await rm(join(home, 'web'));
  const background = [
    { id: 'a', command: 'echo again; sleep 60' },
    { id: 'bad', command: 'true', env: { '': 'x' } },
  ];
  const restored = await post('/restore', { services: [service], background }, api.restoreResult);
  expect(restored.background).toMatchObject([
    { id: 'a', status: 'running' },
    { id: 'bad', status: 'exited', exitCode: null },
  ]);
  expect(alive(await pidIn('web'))).toBe(true);
  expect((await run('echo awake')).text).toBe('awake\n');
  await vi.waitFor(async () => {
    expect(await get('/services', z.array(api.serviceStatus))).toMatchObject([
      { name: 'web', status: 'running' },
    ]);
  });
});

test('after a crash what ran is gone and reported as killed, and the stale socket does not matter', async () => {
  const { bootId } = await get('/healthz', api.toolsHealth);
  await post('/background', { id: 'over', command: 'exit 4' }, api.backgroundTask);
  await vi.waitFor(async () => expect(await tasks()).toMatchObject([{ status: 'exited', exitCode: 4 }]));
  await post('/background', { id: 'lost', command: 'echo $$ > task; sleep 60' }, api.backgroundTask);
  const pid = await pidIn('task');
  strays.push({ pid, startTime: readProcess(pid)?.startTime ?? 0 });
  await end('SIGKILL');
  expect((await stat(socketPath)).isSocket()).toBe(true);

  await start();
  expect((await get('/healthz', api.toolsHealth)).bootId).not.toBe(bootId);
  const after = new Map((await tasks()).map((task) => [task.id, task]));
  expect(after.get('over')).toMatchObject({ status: 'exited', exitCode: 4 });
  expect(after.get('lost')).toMatchObject({ status: 'killed' });
  expect(alive(pid)).toBe(false);
});

test('TERM ends what runs, then the daemon, and takes the socket away', async () => {
  await client.call('PUT', '/services', { services: [service] }, z.array(api.serviceStatus));
  const pid = await pidIn('web');
  expect(await end('SIGTERM')).toBe(0);
  expect(alive(pid)).toBe(false);
  await expect(stat(socketPath)).rejects.toThrow('ENOENT');
});

test('something else that lies where the socket belongs is not removed', async () => {
  await end('SIGTERM');
  await writeFile(socketPath, 'precious');
  await expect(start()).rejects.toThrow('before it was ready');
  expect(await readFile(socketPath, 'utf8')).toBe('precious');
});
