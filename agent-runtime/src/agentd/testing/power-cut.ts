import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  cpSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { contentsOf } from './hostile.ts';
import { watching } from './observed-fs.ts';

/** What is left when it ends at some step: the volume is mounted at `folder`. */
export interface Remains {
  /** The step that was not begun. */
  step: string;
  /** `killed`: the processes died and the kernel did not. `power cut`: only what had reached the disk is there. */
  how: 'killed' | 'power cut';
  /** What `mark` was last given. */
  mark: string;
}

/**
 * When data reaches the disk that nobody asked to be written: `late`, not before the power goes; `names first`, the names and not yet
 * what is in the files. ext4 may do either, and everything in between.
 */
export type WriteBack = 'late' | 'names first';

/**
 * Lets something run on a real file system and keeps what a cut would leave before each of its steps; then looks at each. The
 * file system lies in a file of 6 MB: what is in that file is what has reached the disk. Not seen is a folder that was not synced where
 * a file was after it: ext4 has one journal for all.
 *
 * @param prepare fills the empty volume at `folder`, without cuts
 * @param run what is cut; it calls `mark` to say how far it got
 * @param check whether what is left is good; runs with it mounted at `folder`
 */
export async function sweep(
  folder: string,
  writeBack: WriteBack,
  {
    prepare,
    run,
    check,
  }: {
    prepare: () => Promise<void>;
    run: (mark: (how: string) => void) => Promise<void>;
    check: (remains: Remains) => Promise<void>;
  },
): Promise<{ cuts: number; states: number }> {
  // In memory, where that can be: the disk is a file, and what a flush waits for is of no interest here.
  const base = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'dormouse-cut-'));
  const disk = new Disk(base, folder, writeBack);
  const kept: (Remains & { at: string })[] = [];
  let cuts = 0;
  let last = 'begun';
  try {
    disk.make();
    await prepare();
    disk.settle();
    watching.before = (step) => {
      cuts += 1;
      for (const how of ['killed', 'power cut'] as const) {
        const at = disk.keep(how, cuts);
        if (at !== undefined) kept.push({ step: step.replaceAll(folder, ''), how, mark: last, at });
      }
    };
    await run((how) => {
      last = how;
    });
    watching.before('the end');
    watching.before = undefined;
    await disk.unmount();
    const seen = new Set<string>();
    for (const { at, ...remains } of kept) {
      disk.mountRemains(remains.how, at);
      try {
        const same = `${remains.mark} ${JSON.stringify(await contentsOf(folder))}`;
        if (!seen.has(same)) await check(remains);
        seen.add(same);
      } catch (error) {
        throw new Error(`${remains.how} before ${remains.step}, ${remains.mark}`, { cause: error });
      } finally {
        await disk.unmount();
      }
    }
    return { cuts, states: seen.size };
  } finally {
    watching.before = undefined;
    // Where it failed, something may have it open still; that is not to hide why.
    await disk.unmount('lazily');
    await rm(base, { recursive: true, force: true });
  }
}

class Disk {
  readonly #base: string;
  readonly #folder: string;
  readonly #writeBack: WriteBack;
  readonly #image: string;
  readonly #seen = new Set<string>();

  constructor(base: string, folder: string, writeBack: WriteBack) {
    this.#base = base;
    this.#folder = folder;
    this.#writeBack = writeBack;
    this.#image = join(base, 'disk');
  }

  make(): void {
    execFileSync('truncate', ['-s', '6M', this.#image]);
    execFileSync('mkfs.ext4', ['-q', '-b', '1024', '-J', 'size=1', this.#image]);
    this.#mount(this.#image);
  }

  /** Everything so far is on the disk. */
  settle(): void {
    execFileSync('sync', ['-f', this.#folder]);
  }

  /** Where what a cut would leave now was put; undefined where it was there before. */
  keep(how: Remains['how'], number: number): string | undefined {
    const to = join(this.#base, `${how.replace(' ', '-')}-${number}`);
    if (how === 'killed') {
      cpSync(this.#folder, to, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
      return to;
    }
    if (this.#writeBack === 'names first') this.#commit();
    const digest = createHash('sha256').update(readFileSync(this.#image)).digest('hex');
    if (this.#seen.has(digest)) return undefined;
    this.#seen.add(digest);
    copyFileSync(this.#image, to);
    return to;
  }

  mountRemains(how: Remains['how'], at: string): void {
    if (how === 'power cut') this.#mount(at);
    else execFileSync('mount', ['--bind', at, this.#folder]);
  }

  /** Waits for a file that is being read still; `lazily`, where it does not matter any more. */
  async unmount(how?: 'lazily'): Promise<void> {
    const options = how === undefined ? [] : ['--lazy'];
    for (let tries = 0; isMounted(this.#folder); tries += 1) {
      const { status, stderr } = spawnSync('umount', [...options, this.#folder], { encoding: 'utf8' });
      if (status === 0) continue;
      if (tries === 200) throw new Error(stderr);
      await delay(10);
    }
  }

  #mount(image: string): void {
    const options = [
      'loop',
      'commit=600',
      'noauto_da_alloc',
      ...(this.#writeBack === 'late' ? [] : ['data=writeback']),
    ];
    execFileSync('mount', ['-t', 'ext4', '-o', options.join(), image, this.#folder]);
  }

  /** Syncing one file writes the journal, and so the names of all. */
  #commit(): void {
    const path = join(this.#folder, 'lost+found/probe');
    const file = openSync(path, 'a');
    writeSync(file, 'x');
    fsyncSync(file);
    closeSync(file);
    rmSync(path);
  }
}

function isMounted(folder: string): boolean {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .some((line) => line.split(' ')[1] === folder);
}
