import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readSlice } from './slice.ts';
import { cutAt, wholeCharacters } from './utf8.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slice-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('slices of any size put together give the text', async () => {
  const path = join(folder, 'text');
  const text = fc.string({ unit: 'grapheme', maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(text, fc.integer({ min: 1, max: 9 }), fc.boolean(), async (whole, limit, growing) => {
      await writeFile(path, whole);
      let read = '';
      let offset = 0;
      for (;;) {
        const slice = await readSlice(path, offset, limit, growing);
        read += slice.text;
        if (slice.end || slice.nextOffset === offset) break;
        offset = slice.nextOffset;
      }
      expect(read).toBe(whole);
    }),
    { numRuns: 100 },
  );
});

test('a character that is still being written is left for the next slice', async () => {
  const path = join(folder, 'growing');
  await writeFile(path, Buffer.from('a€').subarray(0, 3));
  expect(await readSlice(path, 0, 100, true)).toEqual({ text: 'a', nextOffset: 1, end: false });
  expect(await readSlice(path, 0, 100, false)).toEqual({ text: 'a\ufffd', nextOffset: 3, end: true });
});

test('lines are whole where they can be', async () => {
  const path = join(folder, 'lines');
  await writeFile(path, 'one\ntwo three');
  expect(await readSlice(path, 0, 100, true, true)).toEqual({ text: 'one\n', nextOffset: 4, end: false });
  expect(await readSlice(path, 4, 100, true, true)).toEqual({ text: '', nextOffset: 4, end: false });
  expect(await readSlice(path, 4, 4, true, true)).toMatchObject({ text: 'two ' });
  expect(await readSlice(path, 4, 100, false, true)).toEqual({
    text: 'two three',
    nextOffset: 13,
    end: true,
  });
});

test('bytes that are not text never stop the reader', () => {
  expect(wholeCharacters(Buffer.from([0xff, 0xff, 0xff, 0xff]))).toBeGreaterThan(0);
  expect(wholeCharacters(Buffer.from([0x80, 0x80, 0x80, 0x80]))).toBe(4);
});

test('a cut never splits a surrogate pair', () => {
  expect(cutAt('a😀b', 2)).toEqual(['a', '😀b']);
  expect(cutAt('a😀b', 3)).toEqual(['a😀', 'b']);
});
