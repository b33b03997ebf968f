import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { batchedOutput } from './batched-output.ts';

let folder: string;
let file: string;
let fd: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dormouse-output-'));
  file = join(folder, 'out');
  fd = openSync(file, 'w');
});
afterEach(() => {
  closeSync(fd);
  rmSync(folder, { recursive: true });
});
const written = () => readFileSync(file, 'utf8');

describe('the output', () => {
  it('has the lines of a turn when the turn is over, in their order, and not before', async () => {
    const output = batchedOutput(fd);
    output.write('one\n');
    output.write('two\n');
    expect(written()).toBe('');
    await vi.waitFor(() => expect(written()).toBe('one\ntwo\n'));
    output.write('three\n');
    await vi.waitFor(() => expect(written()).toBe('one\ntwo\nthree\n'));
  });

  it('does not let lines without end wait', () => {
    const output = batchedOutput(fd);
    for (let line = 0; line < 2_000; line += 1) output.write(`${'x'.repeat(99)}\n`);
    expect(written().length).toBeGreaterThan(100_000);
  });

  it.each([
    ['exits', 'process.exit(3)'],
    ['throws', 'throw new Error("on purpose")'],
    [
      'is told to stop',
      'process.once("SIGTERM", () => process.exit(0)); process.kill(process.pid, "SIGTERM")',
    ],
  ])('loses nothing of a program that %s in the same turn', async (_what, end) => {
    const script = `
      const { batchedOutput } = await import(${JSON.stringify(join(import.meta.dirname, 'batched-output.ts'))});
      const output = batchedOutput();
      for (let line = 0; line < 3; line += 1) output.write('last words\\n');
      ${end};
      setInterval(() => undefined, 1_000);`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let text = '';
    for await (const chunk of child.stdout) text += chunk;
    expect(text).toBe('last words\n'.repeat(3));
  });
});
