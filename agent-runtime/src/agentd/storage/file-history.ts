import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceDurably } from './durable-file.ts';
import { OneAfterAnother } from './one-after-another.ts';

/** Bytes of all kept contents; the oldest go when there are more. */
const most = 128 * 1024 * 1024;

/** What files held before tools changed them, by the SHA-256 of it: a content that is kept twice lies there once. */
export class FileHistory {
  readonly #folder: string;
  readonly #most: number;
  /** Bytes that lie there; undefined until they were counted. */
  #bytes: number | undefined;
  readonly #writes = new OneAfterAnother();

  constructor(folder: string, mostBytes = most) {
    this.#folder = folder;
    this.#most = mostBytes;
  }

  /** Resolves with its hash (hex) when the content is on disk. Rejects with the error of the file system. */
  keep(content: Buffer): Promise<string> {
    return this.#writes.run(() => this.#keep(content));
  }

  /** Undefined: it is not kept any more. */
  async read(hash: string): Promise<Buffer | undefined> {
    const content = await readFile(join(this.#folder, hash)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return undefined;
    });
    return content !== undefined && sha256(content) === hash ? content : undefined;
  }

  async #keep(content: Buffer): Promise<string> {
    const hash = sha256(content);
    const path = join(this.#folder, hash);
    if ((await this.read(hash)) !== undefined) {
      const now = new Date();
      await utimes(path, now, now);
      return hash;
    }
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await replaceDurably(path, content);
    this.#bytes =
      (this.#bytes ?? (await this.#list()).reduce((sum, { size }) => sum + size, -content.length)) +
      content.length;
    if (this.#bytes > this.#most) await this.#prune(hash);
    return hash;
  }

  /** Removes the oldest until there is some room, and never the one that is wanted next. */
  async #prune(newest: string): Promise<void> {
    const files = (await this.#list()).sort((a, b) => a.at - b.at);
    let bytes = files.reduce((sum, { size }) => sum + size, 0);
    for (const { name, size } of files) {
      if (bytes <= this.#most * 0.9) break;
      if (name === newest) continue;
      await rm(join(this.#folder, name), { force: true });
      bytes -= size;
    }
    this.#bytes = bytes;
  }

  async #list(): Promise<{ name: string; size: number; at: number }[]> {
    const names = await readdir(this.#folder);
    return Promise.all(
      names.map(async (name) => {
        const { size, mtimeMs } = await stat(join(this.#folder, name));
        return { name, size, at: mtimeMs };
      }),
    );
  }
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
