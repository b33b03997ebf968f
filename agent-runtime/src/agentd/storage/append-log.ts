import { createHash, type Hash } from 'node:crypto';
import { constants, type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from './durable-file.ts';
import type { StorageHealth } from './health.ts';

interface Waiting {
  lines: Buffer[];
  resolve: (offsets: number[]) => void;
  reject: (error: unknown) => void;
}

/** Where a log stands when it is opened: what a scan found, or nothing for a new one. */
export interface LogPosition {
  /** Bytes of whole lines. */
  length: number;
  /** SHA-256 over exactly those bytes, not finished. */
  hash: Hash;
}

/** A write returns when it is on disk: half the trips to a thread that a write and an fdatasync take. */
const durableWrites = constants.O_WRONLY | constants.O_CREAT | constants.O_DSYNC;

/** Milliseconds that a log to which nothing is added stays open. */
const restsAfterMs = 1_000;

/**
 * A file of lines to which lines are only added. `append` resolves when its lines are on disk. Appends that arrive while a
 * write is under way share the next one: 100 concurrent appends cost 2 writes instead of 100.
 *
 * The file is open while it is being added to: to open it for each batch took 0.1 ms beside a write of 0.2 to 5 ms. Any number of
 * sessions that rest costs no descriptor. A batch that fails is cut off again before anything else is written.
 */
export class AppendLog {
  readonly path: string;
  readonly #health: StorageHealth;
  #length: number;
  #hash: Hash;
  #exists: boolean;
  #tailUnknown = false;
  #queue: Waiting[] = [];
  #draining: Promise<void> | undefined;
  #handle: FileHandle | undefined;
  #rest: NodeJS.Timeout | undefined;

  constructor(path: string, health: StorageHealth, position?: LogPosition) {
    this.path = path;
    this.#health = health;
    this.#exists = position !== undefined;
    this.#length = position?.length ?? 0;
    this.#hash = position?.hash ?? createHash('sha256');
  }

  /** Durable bytes. */
  get length(): number {
    return this.#length;
  }

  /** SHA-256, in hex, of the durable bytes. Kept along, so that a checkpoint costs nothing for a long log. */
  digest(): string {
    return this.#hash.copy().digest('hex');
  }

  /**
   * Adds one line a record. Resolves with the bytes that they begin at; rejects with `StorageError` when the volume refuses, and
   * then none of them is there.
   */
  append(...records: object[]): Promise<number[]> {
    const lines = records.map((record) => Buffer.from(`${JSON.stringify(record)}\n`));
    return new Promise((resolve, reject) => {
      this.#queue.push({ lines, resolve, reject });
      this.#draining ??= this.#drain();
    });
  }

  /** Resolves when everything appended so far is on disk or was refused. */
  async settled(): Promise<void> {
    await this.#draining;
  }

  /** The file was replaced by one with this content (rotation). Call only when nothing is being appended. */
  async replaced(position: LogPosition): Promise<void> {
    this.#length = position.length;
    this.#hash = position.hash;
    this.#exists = true;
    // It is the one before.
    await this.#close();
  }

  async #drain(): Promise<void> {
    clearTimeout(this.#rest);
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0);
      const bytes = Buffer.concat(batch.flatMap((waiting) => waiting.lines));
      try {
        this.#handle ??= await open(this.path, durableWrites, 0o640);
        await this.#write(this.#handle, bytes);
        this.#accept(batch, bytes);
      } catch (error) {
        const refused = this.#health.refused(error, this.path);
        for (const waiting of batch) waiting.reject(refused);
        await this.#close();
      }
    }
    this.#rest = setTimeout(() => void this.#close(), restsAfterMs).unref();
    this.#draining = undefined;
  }

  /** What was written is on disk, whatever becomes of this. */
  async #close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close().catch(() => undefined);
  }

  #accept(batch: readonly Waiting[], bytes: Buffer): void {
    let offset = this.#length;
    this.#length += bytes.length;
    this.#hash.update(bytes);
    this.#health.wrote();
    for (const waiting of batch) {
      const offsets = waiting.lines.map((line) => {
        const begins = offset;
        offset += line.length;
        return begins;
      });
      waiting.resolve(offsets);
    }
  }

  async #write(handle: FileHandle, bytes: Buffer): Promise<void> {
    if (this.#tailUnknown) await this.#cutTail(handle);
    this.#tailUnknown = true;
    try {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, this.#length + done);
        done += bytesWritten;
      }
      if (!this.#exists) await syncFolder(dirname(this.path));
    } catch (error) {
      await this.#cutTail(handle);
      throw error;
    }
    this.#exists = true;
    this.#tailUnknown = false;
  }

  async #cutTail(handle: FileHandle): Promise<void> {
    await handle.truncate(this.#length);
    this.#tailUnknown = false;
  }
}
