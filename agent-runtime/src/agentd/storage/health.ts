import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from './durable-file.ts';

/** A write that the volume refused: no space, no quota, an I/O error. Nothing of it was acknowledged. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
  /** The system's code, such as `ENOSPC`. */
  readonly code: string;

  constructor(code: string, path: string, cause: unknown) {
    const what =
      code === 'ENOSPC' || code === 'EDQUOT'
        ? 'the volume of the workspace is full'
        : `the volume answered ${code}`;
    super(`${what}: could not write ${path}. Free space or enlarge spec.storage.size.`, { cause });
    this.code = code;
  }
}

/** The `storageProblem` of `GET /v1/state`. */
export interface StorageProblem {
  message: string;
  since: string;
}

/**
 * Whether the volume takes writes. Every write reports here; while one was refused, a probe tries again every
 * `probeMs`, so that the problem clears without anybody having to write.
 */
export class StorageHealth {
  #problem: StorageProblem | undefined;
  #timer: NodeJS.Timeout | undefined;
  #waiters: (() => void)[] = [];
  #onChange: () => void = () => undefined;
  readonly #root: string;
  readonly #probeMs: number;

  constructor(root: string, probeMs = 1000) {
    this.#root = root;
    this.#probeMs = probeMs;
  }

  get problem(): StorageProblem | undefined {
    return this.#problem;
  }

  /** Called after every change of `problem`. */
  onChange(listener: () => void): void {
    this.#onChange = listener;
  }

  /** Notes a refused write and gives it its type. */
  refused(error: unknown, path: string): StorageError {
    const code = (error as NodeJS.ErrnoException).code ?? 'EIO';
    const typed = new StorageError(code, path, error);
    if (this.#problem === undefined) {
      this.#problem = { message: typed.message, since: new Date().toISOString() };
      this.#onChange();
    }
    if (this.#timer === undefined) {
      this.#timer = setTimeout(() => this.#probe(), this.#probeMs);
      this.#timer.unref();
    }
    return typed;
  }

  /** Notes a write that is on disk. */
  wrote(): void {
    if (this.#problem === undefined) return;
    this.#problem = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#onChange();
    for (const wake of this.#waiters.splice(0)) wake();
  }

  /** Resolves when a write worked again; rejects when `signal` aborts. */
  async recovered(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#problem === undefined) return;
    await new Promise<void>((resolve, reject) => {
      const abort = () => reject(signal.reason);
      signal.addEventListener('abort', abort, { once: true });
      this.#waiters.push(() => {
        signal.removeEventListener('abort', abort);
        resolve();
      });
    });
  }

  /** Runs `write` until the volume takes it. Other errors pass through. */
  async insist<T>(signal: AbortSignal, write: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await write();
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        await this.recovered(signal);
      }
    }
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  /** Writes as much as an entry may take: one free block would clear the problem only for the next write to bring it back. */
  async #probe(): Promise<void> {
    const path = join(this.#root, '.probe');
    this.#timer = undefined;
    try {
      await writeDurably(path, Buffer.alloc(64 * 1024));
      await rm(path);
      this.wrote();
    } catch (error) {
      await rm(path, { force: true });
      this.refused(error, path);
    }
  }
}
