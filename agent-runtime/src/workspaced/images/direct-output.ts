import { statSync } from 'node:fs';
import { copyFile, type FileHandle, mkdir, open, stat, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Log } from '../log.ts';
import { absent } from '../output/retention.ts';
import type { SizedOutputFile } from '../process/launcher.ts';

/** Milliseconds between two looks at the size of a file. */
const lookMs = 1_000;

/** What happens to a file that is too long: its rest goes, or all of it, into `path.1`. */
type Overflow = 'cut' | 'rotate';

/**
 * A file that processes write by themselves, as their standard output and error: a pipe to `workspaced` could not be dumped. So the
 * limit on its size is kept a moment late. Nothing is changed while `frozen` says so, since criu wants an open file as it left it.
 */
export class DirectOutput implements SizedOutputFile {
  readonly path: string;
  readonly #limit: number;
  readonly #overflow: Overflow;
  readonly #frozen: () => boolean;
  readonly #log: Log;
  #timer: NodeJS.Timeout | undefined;

  constructor(path: string, limit: number, overflow: Overflow, frozen: () => boolean, log: Log) {
    this.path = path;
    this.#limit = limit;
    this.#overflow = overflow;
    this.#frozen = frozen;
    this.#log = log;
  }

  get size(): number {
    return statSync(this.path, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** For a process to write into; the caller closes it once the process has it. */
  async openForProcess(): Promise<FileHandle> {
    await mkdir(dirname(this.path), { recursive: true });
    return open(this.path, 'a', 0o640);
  }

  async append(chunk: Buffer): Promise<void> {
    await using file = await this.openForProcess();
    await file.appendFile(chunk);
  }

  /** Looks after the size from now on. */
  watch(): void {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => {
      this.#limitSize().catch((error) => this.#log.warn('output cannot be cut', { path: this.path, error }));
    }, lookMs).unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    if (!this.#frozen()) await this.#limitSize();
  }

  async #limitSize(): Promise<void> {
    const size = (await stat(this.path).catch(absent))?.size ?? 0;
    if (size <= this.#limit || this.#frozen()) return;
    if (this.#overflow === 'cut') return truncate(this.path, this.#limit);
    await copyFile(this.path, `${this.path}.1`);
    await truncate(this.path);
  }
}
