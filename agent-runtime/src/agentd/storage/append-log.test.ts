import { createHash } from 'node:crypto';
import { appendFile, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { AppendLog } from './append-log.ts';
import { replaceDurably } from './durable-file.ts';
import { StorageHealth } from './health.ts';
import { readLines } from './lines.ts';
import { scanLog } from './scan-log.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dormouse-log-'));
  path = join(folder, 'a.jsonl');
});
afterEach(() => rm(folder, { recursive: true }));

const numbersIn = async () => {
  const found: unknown[] = [];
  await scanLog(path, (record) => found.push((record as { n: unknown }).n));
  return found;
};

/** How often this process has a file open. */
async function descriptorsOf(file: string): Promise<number> {
  const names = await readdir('/proc/self/fd');
  const targets = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')));
  return targets.filter((target) => target === file).length;
}

describe('an append-only log', () => {
  it('holds what was acknowledged, in order, and knows its digest without reading it', async () => {
    const log = new AppendLog(path, new StorageHealth(folder));
    await Promise.all(Array.from({ length: 200 }, (_, n) => log.append({ n })));
    expect(await numbersIn()).toEqual(Array.from({ length: 200 }, (_, n) => n));
    const bytes = await readFile(path);
    expect(log.length).toBe(bytes.length);
    expect(log.digest()).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  it('loses a torn last line, which nobody was told of, and goes on behind the last whole one', async () => {
    await writeFile(path, '{"n":1}\n{"n":2}\n');
    await appendFile(path, '{"n":3,"te');
    const scan = await scanLog(path, () => undefined);
    expect(scan).toMatchObject({ torn: 10, length: 16 });
    expect((await stat(path)).size).toBe(16);
    const log = new AppendLog(path, new StorageHealth(folder), scan);
    await log.append({ n: 4 });
    expect(await numbersIn()).toEqual([1, 2, 4]);
  });

  it('passes over a line that is no object, and counts it', async () => {
    await writeFile(path, '{"n":1}\n\0\0\0\n7\n{"n":2}\n');
    const scan = await scanLog(path, () => undefined);
    expect(scan?.unreadable).toBe(2);
    expect(await numbersIn()).toEqual([1, 2]);
  });

  it('gives the digest of any prefix that was asked for, also across chunks', async () => {
    const lines = Array.from(
      { length: 3000 },
      (_, n) => `${JSON.stringify({ n, text: 'x'.repeat(1000) })}\n`,
    );
    await writeFile(path, lines.join(''));
    const marks = [0, lines[0]?.length ?? 0, lines.slice(0, 1500).join('').length, lines.join('').length];
    const scan = await scanLog(path, () => undefined, [...marks, 10 ** 9]);
    const bytes = await readFile(path);
    for (const mark of marks) {
      expect(scan?.digests.get(mark)).toBe(
        createHash('sha256').update(bytes.subarray(0, mark)).digest('hex'),
      );
    }
    expect(scan?.digests.has(10 ** 9)).toBe(false);
  });

  it('goes on in the file that took the place of its own', async () => {
    const log = new AppendLog(path, new StorageHealth(folder));
    await log.append({ n: 1 }, { n: 2 });
    const content = Buffer.from('{"n":2}\n');
    await replaceDurably(path, content);
    await log.replaced({ length: content.length, hash: createHash('sha256').update(content) });
    expect(await log.append({ n: 3 }, { n: 4 })).toEqual([8, 16]);
    expect(await numbersIn()).toEqual([2, 3, 4]);
  });

  it('costs no descriptor once nothing is added to it', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const log = new AppendLog(path, new StorageHealth(folder));
    await log.append({ n: 1 });
    await log.settled();
    expect(await descriptorsOf(path)).toBe(1);
    await vi.advanceTimersByTimeAsync(60_000);
    await vi.waitFor(async () => expect(await descriptorsOf(path)).toBe(0), 10_000);
    await log.append({ n: 2 });
    expect(await numbersIn()).toEqual([1, 2]);
  });

  it('ends a line at a newline only, not at U+2028', async () => {
    const text = 'a\u2028b\u0085c\r';
    const log = new AppendLog(path, new StorageHealth(folder));
    await log.append({ text }, { text });
    const lines: string[] = [];
    for await (const { line } of readLines(path, log.length)) lines.push(JSON.parse(line).text);
    expect(lines).toEqual([text, text]);
  });
});
