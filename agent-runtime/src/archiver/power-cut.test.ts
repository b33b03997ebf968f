import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { sweep, type WriteBack } from '../agentd/testing/power-cut.ts';
import type { ArchivePart } from '../protocol/archive.ts';
import { Archiver } from './archiver.ts';
import { fill } from './fill.ts';

vi.mock('node:fs/promises', async (original) => {
  const { observed } = await import('../agentd/testing/observed-fs.ts');
  return observed(await original());
});

let base: string;
let volume: string;
let program: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'dormouse-fill-cut-'));
  volume = join(base, 'volume');
  program = join(base, 'restic');
  await mkdir(volume);
  // In place of restic: a snapshot has one file, which is as large as the snapshot is named.
  await writeFile(
    program,
    '#!/bin/bash\nwhile [ "$1" != --target ]; do shift; done\nhead -c 3000 /dev/zero | tr "\\0" x > "$2/restored.txt"\n',
  );
  await chmod(program, 0o755);
  for (const part of ['home', 'state']) {
    await mkdir(join(base, 'before', part, 'snapshots'), { recursive: true });
    await writeFile(join(base, 'before', part, 'snapshots/one'), 'a snapshot');
  }
});
afterEach(() => rm(base, { recursive: true, force: true }));

/** As the two init containers do it. */
async function fillBoth(): Promise<void> {
  for (const part of ['home', 'state'] satisfies ArchivePart[]) {
    const archiver = new Archiver({
      ...{ part, program, scratch: base, folder: join(volume, part) },
      repository: {
        in: 'volume',
        folder: join(volume, `archive-${part}`),
        source: join(base, 'before', part),
      },
    });
    await fill(archiver, part, 'one', join(volume, 'state'));
  }
}

it.each<[WriteBack]>([['late'], ['names first']])(
  'a volume is filled from an archive, whole and once, wherever the power goes (%s)',
  { timeout: 120_000 },
  async (writeBack) => {
    const changed = join(volume, 'home/restored.txt');
    const { cuts } = await sweep(volume, writeBack, {
      prepare: async () => {
        for (const name of ['home', 'state', 'archive-home', 'archive-state'])
          await mkdir(join(volume, name));
      },
      run: async (mark) => {
        await fillBoth();
        mark('filled');
      },
      check: async ({ mark }) => {
        await fillBoth();
        for (const part of ['home', 'state']) {
          expect(await readFile(join(volume, part, 'restored.txt'), 'utf8')).toBe('x'.repeat(3000));
          const copied = join(volume, `archive-${part}`, 'snapshots');
          expect(await readdir(copied)).toEqual(['one']);
          expect(await readFile(join(copied, 'one'), 'utf8')).toBe('a snapshot');
        }
        if (mark !== 'filled') return;
        await writeFile(changed, 'by the workspace');
        await fillBoth();
        expect(await readFile(changed, 'utf8')).toBe('by the workspace');
      },
    });
    expect(cuts).toBeGreaterThan(15);
  },
);
