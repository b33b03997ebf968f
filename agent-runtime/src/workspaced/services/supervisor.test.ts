import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ServiceStatus } from '../../protocol/tools-api.ts';
import type { Clock } from '../clock.ts';
import { pipedLauncher } from '../process/launcher.ts';
import { readProcess } from '../process/table.ts';
import { nextPause } from './back-off.ts';
import type { ServiceContext, ServiceSpec } from './service.ts';
import { difference, Supervisor } from './supervisor.ts';

/** A clock that stands still until a test moves it. */
class ManualClock implements Clock {
  #now = 0;
  readonly pauses: number[] = [];
  #waiting: { at: number; action: () => void }[] = [];

  now = () => this.#now;
  after(ms: number, action: () => void): () => void {
    const entry = { at: this.#now + ms, action };
    this.pauses.push(ms);
    this.#waiting.push(entry);
    return () => {
      this.#waiting = this.#waiting.filter((other) => other !== entry);
    };
  }
  advance(ms: number): void {
    this.#now += ms;
    const due = this.#waiting.filter((entry) => entry.at <= this.#now);
    this.#waiting = this.#waiting.filter((entry) => entry.at > this.#now);
    for (const entry of due) entry.action();
  }
  get waiting(): number {
    return this.#waiting.length;
  }
}

let home: string;
let clock: ManualClock;
let changes: ServiceStatus[];
let context: ServiceContext;
let supervisor: Supervisor;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'services-'));
  clock = new ManualClock();
  changes = [];
  context = {
    home,
    declared: { PATH: process.env.PATH ?? '' },
    launcher: pipedLauncher,
    folder: join(home, 'logs'),
    rotateAt: 1_000_000,
    clock,
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    changed: (service) => changes.push(service),
  };
  supervisor = new Supervisor(context, 200);
});
afterEach(async () => {
  await supervisor.stopAll(0);
  await rm(home, { recursive: true, force: true });
});

const shell = (name: string, script: string, restart: ServiceSpec['restart'] = 'Always'): ServiceSpec => ({
  name,
  command: ['bash', '-c', script],
  restart,
});
const status = (name: string) => supervisor.list().find((service) => service.name === name);
const becomes = (name: string, expected: ServiceStatus['status']) =>
  vi.waitFor(() => expect(status(name)?.status).toBe(expected));
const pidIn = (file: string) =>
  vi.waitFor(async () => {
    const pid = Number(await readFile(join(home, file), 'utf8'));
    expect(pid).toBeGreaterThan(0);
    return pid;
  });

test('a declared service runs with its port in the environment and its output in its log', async () => {
  await supervisor.declare([{ ...shell('web', 'echo "port $PORT"; exec sleep 60'), port: 8080 }]);
  await becomes('web', 'running');
  await vi.waitFor(async () =>
    expect(await readFile(status('web')?.logFile ?? '', 'utf8')).toBe('port 8080\n'),
  );
});

test('what is declared no longer is stopped, what changed is restarted, what is the same runs on', async () => {
  const same = shell('same', 'echo $$ > same; exec sleep 60');
  await supervisor.declare([
    same,
    shell('old', 'echo $$ > old; exec sleep 60'),
    shell('changed', 'echo $$ > c1; exec sleep 60'),
  ]);
  const [samePid, oldPid, changedPid] = await Promise.all(['same', 'old', 'c1'].map(pidIn));
  await supervisor.declare([shell('changed', 'echo $$ > c2; exec sleep 60'), same]);
  await pidIn('c2');
  expect(
    supervisor
      .list()
      .map((service) => service.name)
      .toSorted(),
  ).toEqual(['changed', 'same']);
  expect(readProcess(oldPid ?? 0)).toBeUndefined();
  expect(readProcess(changedPid ?? 0)).toBeUndefined();
  expect(readProcess(samePid ?? 0)).toBeDefined();
});

test('a service that keeps failing is started after ever longer pauses', async () => {
  await supervisor.declare([shell('bad', 'exit 1')]);
  for (const [index, pause] of [500, 1_000, 2_000, 4_000].entries()) {
    await vi.waitFor(() => expect(clock.waiting).toBe(1));
    expect(clock.pauses[index]).toBe(pause);
    expect(status('bad')).toMatchObject({ status: 'backoff', restarts: index, exitCode: 1 });
    clock.advance(pause - 1);
    expect(status('bad')?.status).toBe('backoff');
    clock.advance(1);
  }
});

test('after a long run the pause is short again', async () => {
  const script = 'echo $$ > pid; exec sleep 60';
  await supervisor.declare([shell('web', script)]);
  for (const ran of [0, 0, 60_000]) {
    const pid = await pidIn('pid');
    await becomes('web', 'running');
    await rm(join(home, 'pid'));
    clock.advance(ran);
    process.kill(pid, 'SIGKILL');
    await becomes('web', 'backoff');
    clock.advance(clock.pauses.at(-1) ?? 0);
  }
  expect(clock.pauses).toEqual([500, 1_000, 500]);
});

test('the pause has an upper limit', () => {
  expect(nextPause(60_000, 10)).toBe(60_000);
});

test('OnFailure restarts after a failure only, Never not at all', async () => {
  await supervisor.declare([
    shell('fails', 'exit 1', 'OnFailure'),
    shell('ends', 'exit 0', 'OnFailure'),
    shell('once', 'exit 1', 'Never'),
  ]);
  await becomes('fails', 'backoff');
  await becomes('ends', 'exited');
  await becomes('once', 'exited');
});

test('a program that does not exist shows in status and log, and is tried again', async () => {
  await supervisor.declare([{ name: 'typo', command: ['no-such-program'], restart: 'Always' }]);
  await becomes('typo', 'backoff');
  expect(await readFile(status('typo')?.logFile ?? '', 'utf8')).toContain('ENOENT');
});

test('stopping ends a service during its pause, and one that ignores TERM', async () => {
  await supervisor.declare([
    shell('pausing', 'exit 1'),
    shell('stubborn', 'trap "" TERM; echo $$ > pid; while :; do sleep 0.05; done'),
  ]);
  await becomes('pausing', 'backoff');
  const pid = await pidIn('pid');
  expect(await supervisor.stopAll(50)).toEqual(['pausing', 'stubborn']);
  expect(clock.waiting).toBe(0);
  expect(readProcess(pid)).toBeUndefined();
  expect(changes.at(-1)?.status).toBe('exited');
});

test('a service stopped in the moment of its start does not run on', async () => {
  await supervisor.declare([shell('web', 'echo $$ > pid; exec sleep 63')]);
  await supervisor.stopAll(100);
  expect(supervisor.list()).toEqual([]);
  expect(changes.at(-1)).toMatchObject({ name: 'web', status: 'exited' });
  const pid = Number(await readFile(join(home, 'pid'), 'utf8').catch(() => '0'));
  expect(pid === 0 || readProcess(pid) === undefined).toBe(true);
});

test('a log is rotated by size and one older one is kept', async () => {
  context.rotateAt = 10_000;
  await supervisor.declare([shell('loud', 'seq 1 20000; exec sleep 60', 'Never')]);
  const log = join(context.folder, 'loud.log');
  await vi.waitFor(async () =>
    expect((await readFile(log, 'utf8').catch(() => '')) + (await readFile(`${log}.1`, 'utf8'))).toContain(
      '20000\n',
    ),
  );
  expect((await stat(`${log}.1`)).size).toBeLessThan(100_000);
});

test('names that cannot be a file or that stand twice are refused, and nothing is changed', async () => {
  await expect(supervisor.declare([shell('../x', 'true')])).rejects.toMatchObject({ code: 'invalid' });
  await expect(supervisor.declare([shell('x', 'true'), shell('x', 'true')])).rejects.toThrow('two services');
  expect(supervisor.list()).toEqual([]);
});

test('the order of the declaration makes no difference', () => {
  const a = shell('a', 'true');
  const b = shell('b', 'true');
  expect(difference([a, b], [b, a])).toEqual({ stop: [], start: [] });
});
