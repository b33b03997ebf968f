import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ExecEvent, ExecRequest } from '../../protocol/tools-api.ts';
import { readProcess } from '../process/table.ts';
import { type ExecContext, execLimits, runCommand } from './run.ts';

let home: string;
let context: ExecContext;

beforeEach(async () => {
  home = await realpath(await mkdtemp(join(tmpdir(), 'exec-')));
  context = {
    home,
    declared: { PATH: process.env.PATH ?? '' },
    outputs: join(home, 'outputs'),
    limits: { ...execLimits, graceMs: 100, leftoverGraceMs: 100 },
  };
});
afterEach(() => rm(home, { recursive: true, force: true }));

type Exit = Extract<ExecEvent, { type: 'exit' }>;

async function run(
  request: Partial<ExecRequest> & { command: string },
  signal = new AbortController().signal,
) {
  let text = '';
  let exit: Exit | undefined;
  await runCommand(
    { timeoutMs: 10_000, ...request },
    context,
    async (event) => {
      if (event.type === 'output') text += event.text;
      else exit = event;
    },
    signal,
  );
  return { text, exit };
}

/** A process that ended, or waits to be reaped by whoever adopted it. */
function ended(pid: number): boolean {
  const entry = readProcess(pid);
  return entry === undefined || entry.state === 'Z';
}

async function pidIn(file: string): Promise<number> {
  return vi.waitFor(async () => {
    const pid = Number(await readFile(join(home, file), 'utf8'));
    expect(pid).toBeGreaterThan(0);
    return pid;
  });
}

test('a command runs in the home and its output and exit code come back', async () => {
  const { text, exit } = await run({ command: 'echo out; echo err >&2; pwd; exit 3' });
  expect(text).toContain('out\n');
  expect(text).toContain('err\n');
  expect(text).toContain(`${home}\n`);
  expect(exit).toMatchObject({ code: 3, signal: null, timedOut: false, cwd: home });
  expect(exit?.outputFile).toBeUndefined();
});

test('the next command can start where this one went, even when it printed other paths and called exit', async () => {
  const { exit } = await run({ command: 'mkdir -p a/b && cd a/b && echo /elsewhere && exit 0' });
  expect(exit?.cwd).toBe(join(home, 'a/b'));
  const next = await run({ command: 'pwd', cwd: exit?.cwd ?? '' });
  expect(next.text).toBe(`${join(home, 'a/b')}\n`);
});

test('a command whose directory was removed runs in the home and says so', async () => {
  const { text, exit } = await run({ command: 'pwd', cwd: join(home, 'gone') });
  expect(text).toContain('does not exist any more');
  expect(exit).toMatchObject({ code: 0, cwd: home });
});

test('the environment is the fixed base, what is declared and what is asked for, and nothing of the daemon', async () => {
  vi.stubEnv('SOME_SECRET', 'hidden');
  const { text } = await run({ command: 'env', env: { ASKED: 'yes' } });
  vi.unstubAllEnvs();
  expect(text).toContain(`HOME=${home}\n`);
  expect(text).toContain('ASKED=yes\n');
  expect(text).not.toContain('SOME_SECRET');
});

test('a program that reads its input finds it empty', async () => {
  expect((await run({ command: 'cat; echo done' })).text).toBe('done\n');
  expect((await run({ command: 'echo "[$*]"' })).text).toBe('[]\n');
});

test('a program reads what the request has for it, however long, and no start-up file is read for that', async () => {
  const stdin = `first\n${'x'.repeat(300_000)}`;
  expect((await run({ command: 'read line; echo "$line"; wc -c', stdin })).text).toBe('first\n300000\n');
});

test('a timeout ends the whole group, also what ignores TERM', async () => {
  const { exit } = await run({
    command: 'bash -c \'trap "" TERM; echo $$ > stubborn; while :; do read -t 1 <> <(:); done\'',
    timeoutMs: 300,
  });
  expect(exit?.timedOut).toBe(true);
  expect(ended(await pidIn('stubborn'))).toBe(true);
});

test('what was printed before a timeout is shown', async () => {
  const { text, exit } = await run({ command: 'echo first; sleep 60', timeoutMs: 300 });
  expect(text).toBe('first\n');
  expect(exit).toMatchObject({ timedOut: true });
});

test('a command that nobody waits for any more is ended with its children', async () => {
  const gone = new AbortController();
  const running = run({ command: 'sleep 60 & echo $! > child; wait' }, gone.signal);
  const child = await pidIn('child');
  expect(ended(child)).toBe(false);
  gone.abort();
  expect((await running).exit).toBeUndefined();
  expect(ended(child)).toBe(true);
});

test('a process left behind does not hold up the command, is ended, and the output names it', async () => {
  const { text, exit } = await run({ command: 'sleep 61 & echo $! > child; echo done' });
  expect(exit?.code).toBe(0);
  expect(text).toContain('done\n');
  expect(text).toContain('sleep 61');
  expect(text).toContain('run_in_background');
  expect(ended(await pidIn('child'))).toBe(true);
});

test('a part of the shell itself that is left behind is named by the command', async () => {
  const { text } = await run({ command: '(read -t 61 <> <(:)) & echo done' });
  expect(text).toMatch(/left running: .*read -t 61/);
  expect(text).not.toContain('200>');
});

test('a daemon with a session of its own that holds the output open does not hold up the command', async () => {
  const { text } = await run({
    command: "setsid bash -c 'echo $$ > daemon; sleep 62' & until [ -s daemon ]; do :; done; echo done",
  });
  const daemon = await pidIn('daemon');
  expect(text).toContain('done\n');
  expect(ended(daemon)).toBe(false);
  process.kill(-daemon, 'SIGKILL');
});

test('a long output is shown as its beginning and end, and lies whole in a file', async () => {
  const { text, exit } = await run({ command: 'seq 1 20000; echo the end' });
  const whole = `${Array.from({ length: 20_000 }, (_, index) => `${index + 1}\n`).join('')}the end\n`;
  expect(text.length).toBeLessThan(31_000);
  expect(text.startsWith('1\n2\n3\n')).toBe(true);
  expect(text.endsWith('20000\nthe end\n')).toBe(true);
  expect(text).toContain(exit?.outputFile);
  expect(exit?.outputBytes).toBe(Buffer.byteLength(whole));
  expect(await readFile(exit?.outputFile ?? '', 'utf8')).toBe(whole);
});

test('an output of up to 30,000 characters is shown whole', async () => {
  const { text, exit } = await run({ command: "head -c 30000 /dev/zero | tr '\\0' x" });
  expect(text).toBe('x'.repeat(30_000));
  expect(exit?.outputFile).toBeUndefined();
});

test('the file of an endless output stops growing', async () => {
  context.limits = { ...context.limits, file: 100_000 };
  const { exit } = await run({ command: 'yes', timeoutMs: 500 });
  const stored = await readFile(exit?.outputFile ?? '', 'utf8');
  expect(exit?.outputBytes).toBeGreaterThan(100_000);
  expect(stored.length).toBeLessThan(100_200);
  expect(stored).toContain('output ends here');
});

test('older output files make room for newer ones', async () => {
  context.limits = { ...context.limits, retention: { files: 0, bytes: 0 } };
  const first = await run({ command: 'seq 1 20000' });
  await run({ command: 'seq 1 20000' });
  await expect(readFile(first.exit?.outputFile ?? '')).rejects.toThrow('ENOENT');
});

test('a slow reader slows the command down', async () => {
  let release: () => void = () => undefined;
  const reader = new Promise<void>((resolve) => {
    release = resolve;
  });
  let shown = 0;
  const finished = runCommand(
    { command: 'head -c 3000000 /dev/zero; touch finished', timeoutMs: 10_000 },
    context,
    async () => {
      shown += 1;
      await reader;
    },
    new AbortController().signal,
  );
  await vi.waitFor(() => expect(shown).toBe(1));
  // Time enough: another command prints as much and ends.
  await run({ command: 'head -c 3000000 /dev/zero' });
  await expect(readFile(join(home, 'finished'))).rejects.toThrow('ENOENT');
  release();
  await finished;
  await readFile(join(home, 'finished'));
});

test('characters of several bytes survive being cut between reads', async () => {
  const { text } = await run({ command: "printf '\\342'; read -t 0.05 <> <(:); printf '\\202\\254'" });
  expect(text).toBe('€');
});

test('a command longer than the kernel takes is refused with advice', async () => {
  await expect(run({ command: `: ${'x'.repeat(140_000)}` })).rejects.toMatchObject({ code: 'too_large' });
});

test('a script may use descriptor 3 and set -e for itself', async () => {
  await writeFile(join(home, 'in'), 'line\n');
  const { text, exit } = await run({
    command: 'set -eu; exec 3< in; read -r x <&3; echo "$x"; cd /; false; echo no',
  });
  expect(text).toBe('line\n');
  expect(exit).toMatchObject({ code: 1, cwd: '/' });
});
