import { realpath as withCallback } from 'node:fs';
import { lstat, readlink } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { fileFailure, systemErrorCode, ToolFailure } from '../tool-failure.ts';

/** Folders that exist when the daemon starts; absent ones grant nothing. */
export interface FileRoots {
  home: string;
  /** Further folders that the file tools may read and write: `/tmp`. */
  writable: readonly string[];
  /** Further folders that they may only read: outputs and logs, transcripts. */
  readable: readonly string[];
}

/** Twice as fast as that of `node:fs/promises` where there is nothing, which is most of what is asked for. */
const realpath = promisify(withCallback.native);

/** The depth at which Linux gives up too. */
const maxLinks = 40;

/**
 * Decides on real paths which files the file tools may touch. This keeps the model's edits to where its work is; it is no boundary
 * of security, since commands run as the same user.
 */
export class Confinement {
  readonly #home: string;
  /** Roots of what may be written, and of what may be read. */
  readonly #writable: readonly string[];
  readonly #readable: readonly string[];
  /** Real paths of the roots, by these. They are looked up once: what one is made to lead to later is not what was granted. */
  #realRoots: Promise<ReadonlyMap<string, string>> | undefined;

  constructor({ home, writable, readable }: FileRoots) {
    this.#home = home;
    this.#writable = [home, ...writable];
    this.#readable = [...this.#writable, ...readable];
  }

  /** The real path of an existing file or directory that may be read. Relative paths and `~` start in the home. */
  async forReading(path: string): Promise<string> {
    const real = await this.resolve(path);
    await this.#check(path, real, this.#readable, 'read');
    return real;
  }

  /**
   * For many paths at a time: the real path of each that may be read. Undefined where there is nothing, which takes one call of the
   * system in place of a dozen.
   */
  manyForReading(): (path: string) => Promise<string | undefined> {
    const roots = this.#readable;
    // Beside the paths themselves: each of these takes a trip to the disk.
    const real = this.#realOf(roots);
    // Whoever looks a path up is told.
    real.catch(() => undefined);
    return async (path) => {
      const absolute = this.absolute(path);
      try {
        const target = await realpath(absolute);
        const within = (await real).some((root) => isWithin(root, target));
        if (!within) throw this.#outside(path, target, roots, 'read');
        return target;
      } catch (error) {
        if (systemErrorCode(error) !== 'ENOENT') throw fileFailure(error, absolute);
        if ([...roots, ...(await real)].some((root) => isWithin(root, absolute))) return undefined;
        throw this.#outside(path, absolute, roots, 'read');
      }
    };
  }

  /** The real path of a file that may be written; neither it nor its folders need exist yet. */
  async forWriting(path: string): Promise<string> {
    const real = await this.resolve(path);
    await this.#check(path, real, this.#writable, 'write');
    return real;
  }

  /** The absolute form of a path as it was written, links unresolved. */
  absolute(path: string): string {
    if (path === '') throw new ToolFailure('invalid', 'the path is empty');
    if (path.includes('\0')) throw new ToolFailure('invalid', 'the path holds a zero byte');
    if (path === '~' || path.startsWith('~/')) return join(this.#home, path.slice(1));
    return isAbsolute(path) ? resolve(path) : resolve(this.#home, path);
  }

  /** The real path of what is there or not, wherever it leads: nothing is opened. */
  async resolve(path: string): Promise<string> {
    const absolute = this.absolute(path);
    try {
      return await realTarget(absolute, 0);
    } catch (error) {
      throw fileFailure(error, absolute);
    }
  }

  async #check(path: string, real: string, roots: readonly string[], verb: string): Promise<void> {
    if ((await this.#realOf(roots)).some((root) => isWithin(root, real))) return;
    throw this.#outside(path, real, roots, verb);
  }

  async #realOf(roots: readonly string[]): Promise<string[]> {
    this.#realRoots ??= this.#lookUpRoots();
    const known = await this.#realRoots;
    return roots.map((root) => known.get(root) as string);
  }

  async #lookUpRoots(): Promise<ReadonlyMap<string, string>> {
    try {
      return new Map(
        await Promise.all(this.#readable.map(async (root) => [root, await realTarget(root, 0)] as const)),
      );
    } catch (error) {
      // The next one tries again.
      this.#realRoots = undefined;
      throw error;
    }
  }

  #outside(path: string, real: string, roots: readonly string[], verb: string): ToolFailure {
    const leads = real === this.absolute(path) ? '' : `, which is ${real},`;
    return new ToolFailure(
      'outside_home',
      `${path}${leads} is outside of what this tool may ${verb}: ${roots.join(', ')}`,
    );
  }
}

/** Of absolute paths without `.` and `..`. */
export function isWithin(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? folder : `${folder}/`);
}

/** Like `realpath`, also for what does not exist yet: a new file, or the target of a link that leads nowhere so far. */
async function realTarget(path: string, links: number): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT' || path === '/') throw error;
  }
  const parent = await realTarget(dirname(path), links);
  const here = join(parent, basename(path));
  const target = await linkTarget(here);
  if (target === undefined) return here;
  if (links >= maxLinks) throw new ToolFailure('invalid', `${path}: its symbolic links form a loop`);
  return realTarget(resolve(parent, target), links + 1);
}

async function linkTarget(path: string): Promise<string | undefined> {
  try {
    return (await lstat(path)).isSymbolicLink() ? await readlink(path) : undefined;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
