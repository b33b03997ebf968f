import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { resticProgram } from '../../../test/support/go-program.ts';
import { Archiver } from './archiver.ts';
import { sizeOf } from './repository.ts';

let program: string;
let base: string;
const made: string[] = [];
beforeAll(async () => {
  program = await resticProgram();
}, 600_000);
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'dormouse-archiver-'));
  made.push(base);
  for (const name of ['home', 'state', 'archive-home', 'archive-state', 'scratch'])
    await mkdir(join(base, name));
});
afterAll(() => Promise.all(made.map((each) => rm(each, { recursive: true, force: true }))));

const at = (name: string) => join(base, name);

/** One half of a workspace whose archives lie on its own volume. */
function half(part: 'state' | 'home', quota?: number): Archiver {
  return new Archiver({
    ...{ part, program, folder: at(part), scratch: at('scratch'), lookEvery: 20 },
    repository: { in: 'volume', folder: at(`archive-${part}`), ...(quota === undefined ? {} : { quota }) },
  });
}

/** Archives both halves, and answers the snapshot of the files. */
async function archive(keep: string[] = [], quota?: number): Promise<string> {
  await half('state', quota).archive(keep);
  const home = half('home', quota);
  await home.archive(keep);
  return home.progress.snapshot ?? '';
}

const snapshots = async () => (await readdir(at('archive-home/snapshots'))).length;

describe('archives on the volume itself', { timeout: 60_000 }, () => {
  it('come back onto another volume, and come along there', async () => {
    await writeFile(at('home/notes.txt'), 'three eggs');
    const first = await archive();
    await writeFile(at('home/notes.txt'), 'four eggs');
    const second = await archive([first]);
    expect(await snapshots()).toBe(2);
    await rm(at('home/notes.txt'));
    const restored = new Archiver({
      ...{ part: 'home', program, folder: at('home'), scratch: at('scratch') },
      repository: { in: 'volume', folder: at('next'), source: at('archive-home') },
    });
    await mkdir(at('next'));
    // As a start that was cut off left it.
    await mkdir(at('next/data'));
    await writeFile(at('next/data/half'), 'x', { mode: 0o400 });
    await restored.restore(first);
    expect(await readFile(at('home/notes.txt'), 'utf8')).toBe('three eggs');
    expect(await readdir(at('next/snapshots'))).toEqual(await readdir(at('archive-home/snapshots')));
    expect(await readdir(at('next/snapshots'))).toContain(second);
    expect(await readdir(at('next/data'))).not.toContain('half');
  });

  it('never take more than their quota; what was too much leaves nothing, and what nobody names makes room', async () => {
    await writeFile(at('home/small'), randomBytes(1_000_000));
    const kept = await archive([], 4_000_000);
    const before = await sizeOf(at('archive-home'));
    await writeFile(at('home/large'), randomBytes(60_000_000));
    await expect(archive([kept], 4_000_000)).rejects.toThrow('more than the 4000000 bytes');
    expect(await sizeOf(at('archive-home'))).toBeLessThan(before + 200_000);
    await writeFile(at('home/large'), randomBytes(2_500_000));
    await expect(archive([kept], 4_000_000)).resolves.toBeTruthy();
    await writeFile(at('home/large'), randomBytes(2_500_000));
    // There is no room for both, and only the first one is named.
    await archive([kept], 4_000_000);
    expect(await snapshots()).toBe(2);
  });
});
