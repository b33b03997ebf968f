#!/usr/bin/env node
import { randomInt } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { text } from 'node:stream/consumers';
import { systemClock } from '@dormouse/operator/kube';
import { connect } from './access/connect.ts';
import { Interrupted } from './failure.ts';
import { run } from './run.ts';
import type { Surroundings } from './surroundings.ts';
import { ttyOf } from './terminal/tty.ts';

const { stdin, stdout, stderr, env, argv } = process;
const interrupt = new AbortController();
const alphabet = '0123456789abcdefghijklmnopqrstuvwxyz';

// The second time, a person means at once: the default action of the signal is back.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => interrupt.abort(new Interrupted()));
}
for (const stream of [stdout, stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever reads it, such as head, has enough.
    if (error.code === 'EPIPE') process.exit();
    throw error;
  });
}

const surroundings: Surroundings = {
  program: basename(argv[1] ?? '').startsWith('kubectl-') ? 'kubectl dormouse' : 'dormouse',
  env,
  clock: systemClock,
  random: (length) => Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join(''),
  out: (part) => void stdout.write(part),
  err: (part) => void stderr.write(part),
  terminal: {
    in: stdin.isTTY === true,
    out: stdout.isTTY === true,
    err: stderr.isTTY === true,
    columns: (stdout.isTTY ? stdout.columns : stderr.columns) || 80,
  },
  input: () => text(stdin),
  async ask(question) {
    const lines = createInterface({ input: stdin, output: stderr });
    // Here the terminal gives Ctrl-C to readline and no signal to the process.
    lines.once('SIGINT', () => interrupt.abort(new Interrupted()));
    try {
      return await lines.question(question, { signal: interrupt.signal });
    } catch (error) {
      interrupt.signal.throwIfAborted();
      throw error;
    } finally {
      lines.close();
    }
  },
  tty: ttyOf(process),
  readFile: (path) => readFile(path, 'utf8'),
  async keepFile(path, content) {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const fresh = `${path}.${process.pid}`;
    await writeFile(fresh, content, { mode: 0o600 });
    await rename(fresh, path);
  },
  signal: interrupt.signal,
  connect: (choice) => connect(choice, env),
};

// No await: the file that is shipped is CommonJS.
void run(argv.slice(2), surroundings).then((code) => {
  process.exitCode = code;
});
