import { appendFile, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { DirectOutput } from './direct-output.ts';

let folder: string;
let path: string;
let frozen: boolean;
const open: DirectOutput[] = [];
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'output-'));
  path = join(folder, 'logs/a.log');
  frozen = false;
});
afterEach(async () => {
  for (const output of open.splice(0)) await output.close();
  await rm(folder, { recursive: true });
});

async function output(overflow: 'cut' | 'rotate'): Promise<DirectOutput> {
  const made = new DirectOutput(path, 10, overflow, () => frozen, log);
  open.push(made);
  await made.append(Buffer.from('12345678'));
  made.watch();
  return made;
}
const soon = (check: () => Promise<void>) => vi.waitFor(check, 5_000);
const text = (file: string) => readFile(file, 'utf8');

test('what a process writes beyond the limit is cut off, and it can write on', async () => {
  const made = await output('cut');
  const process = await made.openForProcess();
  await process.appendFile('90abc');
  expect(made.size).toBe(13);
  await soon(async () => expect(await text(path)).toBe('1234567890'));
  await process.appendFile('more');
  await process.close();
  await made.close();
  expect(await text(path)).toBe('1234567890');
});

test('a log that is rotated goes on from nothing', async () => {
  await output('rotate');
  await appendFile(path, '90abc');
  await soon(async () => expect((await stat(path)).size).toBe(0));
  expect(await text(`${path}.1`)).toBe('1234567890abc');
});

test('nothing is changed while processes are dumped: they want their files as they were', async () => {
  const made = await output('cut');
  frozen = true;
  await appendFile(path, '90abc');
  await made.close();
  expect(await text(path)).toBe('1234567890abc');
});
