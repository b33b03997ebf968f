import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemErrorCode } from '../tool-failure.ts';

/**
 * A file that output is appended to until it has `cap` bytes or the volume is full; what follows is dropped, and a last
 * line in the file says so. Output never fails the command that makes it.
 */
export class CappedFile {
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #cap: number;
  #size: number;
  #full = false;

  private constructor(path: string, handle: FileHandle, size: number, cap: number) {
    this.path = path;
    this.#handle = handle;
    this.#size = size;
    this.#cap = cap;
  }

  static async open(path: string, cap: number): Promise<CappedFile> {
    await mkdir(dirname(path), { recursive: true });
    const handle = await open(path, 'a', 0o640);
    return new CappedFile(path, handle, (await handle.stat()).size, cap);
  }

  /** Bytes in the file. */
  get size(): number {
    return this.#size;
  }

  async append(chunk: Buffer): Promise<void> {
    if (this.#full) return;
    const room = this.#cap - this.#size;
    if (chunk.length <= room) return this.#write(chunk);
    this.#full = true;
    await this.#write(chunk.subarray(0, Math.max(0, room)));
    await this.#write(Buffer.from(`\n[output ends here: it has reached ${this.#cap} bytes]\n`));
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #write(chunk: Buffer): Promise<void> {
    try {
      await this.#handle.appendFile(chunk);
      this.#size += chunk.length;
    } catch (error) {
      const code = systemErrorCode(error);
      if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error;
      this.#full = true;
      this.#size = (await this.#handle.stat()).size;
    }
  }
}
