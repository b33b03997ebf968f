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
  for (const path of request.files.map(absolute)) if (path !== undefined) await collection.add(path);
  for (const { path, name, depth } of request.folders) {
    const folder = absolute(path);
    if (folder !== undefined) await collection.addFolder(folder, name, depth);
  }
  return collection.result;
}

type RealPath = ReturnType<Confinement['manyForReading']>;

/** What may still be read. */
class Budget {
  files = limits.files;
  folders = limits.folders;
  bytes = limits.bytes;
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

  async add(path: string): Promise<void> {
    if (this.#isFull()) return;
    try {
      const realPath = await this.#realPath(path);
      if (realPath === undefined) return;
      const start = await readStart(realPath, this.#maxBytes);
      this.#budget.files -= 1;
      this.#budget.bytes -= Buffer.byteLength(start.content);
      this.result.files.push({ path, realPath, ...start });
    } catch (error) {
      this.problem(path, error);
    }
  }

  /** Files called `name`, those of the folder before those of its folders. `above`: real paths of the folders around it. */
  async addFolder(path: string, name: string, depth: number, above: readonly string[] = []): Promise<void> {
    this.#budget.folders -= 1;
    if (this.#isFull()) return;
    const realPath = await this.#realPath(path).catch((error: unknown) => {
      this.problem(path, error);
      return undefined;
    });
    // A link that leads back to where it stands.
    if (realPath === undefined || above.includes(realPath)) return;
    const entries = await this.#entries(realPath, path);
    for (const entry of entries) {
      if (entry.kind === 'file' && isCalled(entry.name, name)) await this.add(join(path, entry.name));
    }
    if (depth === 1) return;
    for (const entry of entries) {
      if (entry.kind !== 'folder' || skipped.includes(entry.name)) continue;
      await this.addFolder(join(path, entry.name), name, depth - 1, [...above, realPath]);
    }
  }

  async #entries(realPath: string, path: string): Promise<{ name: string; kind: 'file' | 'folder' }[]> {
    try {
      const entries = await readdir(realPath, { withFileTypes: true });
      const sorted = entries.sort((a, b) => (a.name < b.name ? -1 : 1));
      return await Promise.all(
        sorted.map(async (entry) => ({ name: entry.name, kind: await kindOf(entry, realPath) })),
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
