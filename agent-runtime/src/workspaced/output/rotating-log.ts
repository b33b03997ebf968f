import { type FileHandle, mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemErrorCode } from '../tool-failure.ts';

/** The log of a service: when `path` has reached `rotateAt` bytes it becomes `path.1`, whose predecessor goes away. */
export class RotatingLog {
  readonly path: string;
  readonly #rotateAt: number;
  #open: { handle: FileHandle; size: number } | undefined;
  #queue: Promise<void> = Promise.resolve();

  constructor(path: string, rotateAt: number) {
    this.path = path;
    this.#rotateAt = rotateAt;
  }

  /** Chunks of concurrent callers are written one after another. A full volume drops them: a service outlives its log. */
  append(chunk: Buffer): Promise<void> {
    this.#queue = this.#queue.then(() => this.#write(chunk));
    return this.#queue;
  }

  async close(): Promise<void> {
    await this.#queue;
    await this.#open?.handle.close();
    this.#open = undefined;
  }

  async #write(chunk: Buffer): Promise<void> {
    try {
      const file = await this.#current();
      await file.handle.appendFile(chunk);
      file.size += chunk.length;
    } catch (error) {
      const code = systemErrorCode(error);
      if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error;
    }
  }

  async #current(): Promise<{ handle: FileHandle; size: number }> {
    if (this.#open && this.#open.size >= this.#rotateAt) {
      await this.#open.handle.close();
      this.#open = undefined;
      await rename(this.path, `${this.path}.1`);
    }
    if (!this.#open) {
      await mkdir(dirname(this.path), { recursive: true });
      const handle = await open(this.path, 'a', 0o640);
      this.#open = { handle, size: (await handle.stat()).size };
    }
    return this.#open;
  }
}
