import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import type {
  CollectRequest,
  CollectResult,
  collectRequests,
  collectResults,
} from '../../protocol/tools-api.ts';
import { fileFailure, ToolFailure } from '../tool-failure.ts';
import type { Confinement } from './confinement.ts';
import { byteOrderMark, looksBinary, openRegular } from './text.ts';

/** Of all that is answered at once: as JSON its bytes become at worst six times as many, which `agentd` still takes. And its time (ms). */
const limits = { files: 1000, folders: 4000, bytes: 1536 * 1024, problems: 100, ms: 5_000 };

/** Folders that are listed, and files that are read, side by side: each takes several trips to the disk. 50 skills take 9 ms, and took 24 one by one (2026-11). */
const atOnce = 8;

/** Beyond, a file is not a text that somebody wrote for a model. */
const maxFileBytes = 256 * 1024 * 1024;

/** Folders that are often large and never meant. */
const skipped = ['.git', 'node_modules'];

/** Reads many small text files at once. One that is not there is left out; one that cannot be read is told of. */
export async function collectAll(
  { requests }: z.infer<typeof collectRequests>,
  confinement: Confinement,
): Promise<z.infer<typeof collectResults>> {
  const budget = new Budget();
  const realPath = remembered(confinement.manyForReading());
  // Most of what is asked for is not there, and side by side one knows in half the time.
  const asked = requests.flatMap(({ files, folders }) => [...files, ...folders.map(({ path }) => path)]);
  for (const path of asked.slice(0, limits.files)) realPath(path).catch(toldLater);
  const results: CollectResult[] = [];
  // One after another: each sees what the ones before it have left.
  for (const request of requests) results.push(await collect(request, confinement, realPath, budget));
  return { results };
}

/** Looks each path up once. */
function remembered(realPath: RealPath): RealPath {
  const known = new Map<string, ReturnType<RealPath>>();
  return (path) => {
    const found = known.get(path) ?? realPath(path);
    known.set(path, found);
    return found;
  };
}

/** Whoever comes to the path is told of the failure. */
function toldLater(): void {}

async function collect(
  request: CollectRequest,
  confinement: Confinement,
  realPath: RealPath,
  budget: Budget,
): Promise<CollectResult> {
  const collection = new Collection(request.maxFileBytes, realPath, budget);
  /** Undefined for what is no path; the others are read all the same. */
  const absolute = (path: string) => {
    try {
      return confinement.absolute(path);
    } catch (error) {
      collection.problem(path, error);
      return undefined;
    }
  };
  const files = request.files.map(absolute).filter((path) => path !== undefined);
  await collection.add(files.map((path) => ({ path })));
  for (const { path, name, depth } of request.folders) {
    const folder = absolute(path);
    if (folder !== undefined) await collection.addFolder(folder, name, depth);
  }
  return collection.result;
}

type CollectedFile = CollectResult['files'][number];

interface Entry {
  name: string;
  kind: 'file' | 'folder';
  isLink: boolean;
}

/** What is to be looked at. `realPath`: where that is known, as it is no link in a folder whose own is. */
interface Place {
  path: string;
  realPath?: string;
}

/** A folder that is searched. `above`: real paths of the folders around it. */
interface Folder extends Place {
  above: readonly string[];
  files: Place[];
  below: Folder[];
}

function filesOf({ files, below }: Folder): Place[] {
  return [...files, ...below.flatMap(filesOf)];
}

function inParts<T>(all: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(all.length / atOnce) }, (_, part) =>
    all.slice(part * atOnce, (part + 1) * atOnce),
  );
}

type RealPath = ReturnType<Confinement['manyForReading']>;

/** What may still be read. */
class Budget {
  files = limits.files;
  folders = limits.folders;
  bytes = limits.bytes;
  /** Names of files that may still be noted: more than are read, as which come first is known at the end. */
  names = 4 * limits.files;
  readonly #until = performance.now() + limits.ms;

  get isSpent(): boolean {
    return this.files <= 0 || this.folders < 0 || this.bytes <= 0 || performance.now() > this.#until;
  }
}

class Collection {
  readonly result: CollectResult = { files: [], problems: [], truncated: false };
  readonly #maxBytes: number;
  readonly #realPath: RealPath;
  readonly #budget: Budget;

  constructor(maxBytes: number, realPath: RealPath, budget: Budget) {
    this.#maxBytes = maxBytes;
    this.#realPath = realPath;
    this.#budget = budget;
  }

  /** Files, in this order. */
  async add(places: readonly Place[]): Promise<void> {
    for (const some of inParts(places)) {
      if (this.#isFull()) return;
      const reads = await Promise.allSettled(some.map((place) => this.#read(place)));
      for (const [index, read] of reads.entries()) {
        if (this.#isFull()) return;
        if (read.status === 'rejected') this.problem((some[index] as Place).path, read.reason);
        else if (read.value !== undefined) this.#take(read.value);
      }
    }
  }

  async #read({ path, realPath: known }: Place): Promise<CollectedFile | undefined> {
    const realPath = known ?? (await this.#realPath(path));
    return realPath === undefined
      ? undefined
      : { path, realPath, ...(await readStart(realPath, this.#maxBytes)) };
  }

  #take(file: CollectedFile): void {
    this.#budget.files -= 1;
    this.#budget.bytes -= Buffer.byteLength(file.content);
    this.result.files.push(file);
  }

  /** Files called `name`, those of the folder before those of its folders. */
  async addFolder(path: string, name: string, depth: number): Promise<void> {
    const top: Folder = { path, above: [], files: [], below: [] };
    let level = [top];
    for (let left = depth; left > 0 && level.length > 0; left -= 1) {
      for (const some of inParts(level)) {
        await Promise.all(some.map((folder) => this.#list(folder, name, left > 1)));
      }
      level = level.flatMap(({ below }) => below);
    }
    await this.add(filesOf(top));
  }

  async #list(folder: Folder, name: string, deeper: boolean): Promise<void> {
    const { path, above } = folder;
    this.#budget.folders -= 1;
    if (this.#isFull()) return;
    const realPath = folder.realPath ?? (await this.#realPathOf(path));
    // A link that leads back to where it stands.
    if (realPath === undefined || above.includes(realPath)) return;
    const entries = await this.#entries(realPath, path);
    const placeOf = ({ name, isLink }: Entry): Place => ({
      path: join(path, name),
      ...(!isLink && { realPath: join(realPath, name) }),
    });
    const files = entries.filter((entry) => entry.kind === 'file' && isCalled(entry.name, name));
    folder.files = files.slice(0, this.#budget.names).map(placeOf);
    this.#budget.names -= folder.files.length;
    if (folder.files.length < files.length) this.result.truncated = true;
    if (!deeper) return;
    folder.below = entries
      .filter((entry) => entry.kind === 'folder' && !skipped.includes(entry.name))
      .map((entry) => ({ ...placeOf(entry), above: [...above, realPath], files: [], below: [] }));
  }

  async #realPathOf(path: string): Promise<string | undefined> {
    try {
      return await this.#realPath(path);
    } catch (error) {
      this.problem(path, error);
      return undefined;
    }
  }

  async #entries(realPath: string, path: string): Promise<Entry[]> {
    try {
      const entries = await readdir(realPath, { withFileTypes: true });
      const sorted = entries.sort((a, b) => (a.name < b.name ? -1 : 1));
      return await Promise.all(
        sorted.map(async (entry) => ({
          name: entry.name,
          kind: await kindOf(entry, realPath),
          isLink: entry.isSymbolicLink(),
        })),
      );
    } catch (error) {
      // A file where a folder could be.
      const failure = fileFailure(error, path);
      if (failure.code !== 'invalid') this.problem(path, failure);
      return [];
    }
  }

  problem(path: string, error: unknown): void {
    const { code, message } = fileFailure(error, path);
    if (code === 'not_found' || code === 'is_directory') return;
    if (this.result.problems.length < limits.problems) this.result.problems.push({ path, code, message });
    else this.result.truncated = true;
  }

  #isFull(): boolean {
    const full = this.#budget.isSpent;
    if (full) this.result.truncated = true;
    return full;
  }
}

async function kindOf(entry: Dirent, folder: string): Promise<'file' | 'folder'> {
  if (!entry.isSymbolicLink()) return entry.isDirectory() ? 'folder' : 'file';
  const target = await stat(join(folder, entry.name)).catch(() => undefined);
  return target?.isDirectory() ? 'folder' : 'file';
}

function isCalled(name: string, wanted: string): boolean {
  return wanted.startsWith('*') ? name.endsWith(wanted.slice(1)) : name === wanted;
}

/** The first bytes of a text file, cut between characters, and how many there are. */
async function readStart(
  path: string,
  maxBytes: number,
): Promise<{ content: string; bytes: number; truncated: boolean }> {
  await using file = await openRegular(path, maxFileBytes);
  const { size } = await file.stat();
  const buffer = Buffer.alloc(Math.min(size, maxBytes));
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  const start = buffer.subarray(0, length);
  if (looksBinary(start)) throw new ToolFailure('invalid', `${path} is a binary file`);
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(start, { stream: length < size });
  const content = text.startsWith(byteOrderMark) ? text.slice(1) : text;
  return { content, bytes: size, truncated: length < size };
}
