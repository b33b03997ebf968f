import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FileHistory } from './file-history.ts';

let folder: string;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'dormouse-history-')), 'file-history');
});
afterEach(() => rm(join(folder, '..'), { recursive: true }));

it('keeps a content once, and gives it back', async () => {
  const history = new FileHistory(folder);
  const [one, two] = await Promise.all([history.keep(Buffer.from('a')), history.keep(Buffer.from('a'))]);
  expect(one).toBe(two);
  expect(await readdir(folder)).toEqual([one]);
  expect((await new FileHistory(folder).read(one))?.toString()).toBe('a');
  expect(await history.read('0'.repeat(64))).toBeUndefined();
});

it('does not take for a content what a crash or somebody else left under its name', async () => {
  const history = new FileHistory(folder);
  const hash = await history.keep(Buffer.from('whole'));
  await writeFile(join(folder, hash), 'who');
  expect(await history.read(hash)).toBeUndefined();
  expect(await history.keep(Buffer.from('whole'))).toBe(hash);
  expect((await history.read(hash))?.toString()).toBe('whole');
});

it('lets the oldest go where there is too much, also of what an earlier process kept', async () => {
  const contents = ['a', 'b', 'c', 'd'].map((letter) => Buffer.alloc(100, letter));
  const hashes: string[] = [];
  for (const [at, content] of contents.entries()) {
    const hash = await new FileHistory(folder, 250).keep(content);
    hashes.push(hash);
    const time = new Date(2026, 0, 1, 0, at);
    await utimes(join(folder, hash), time, time);
  }
  expect((await readdir(folder)).sort()).toEqual(hashes.slice(2).sort());
});
