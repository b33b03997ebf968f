import { createHash } from 'node:crypto';
import { z } from 'zod';
import { highestCursor, runtimeEvent } from '../../protocol/events.ts';
import type { DurableEvent } from '../session/host.ts';
import { AppendLog } from '../storage/append-log.ts';
import { replaceDurably } from '../storage/durable-file.ts';
import { StorageError, type StorageHealth } from '../storage/health.ts';
import { type LogScan, scanLog } from '../storage/scan-log.ts';

/** One line of `events.jsonl`. */
const loggedEvent = z.object({ cursor: z.int().min(1).max(highestCursor), event: runtimeEvent });

export interface LoggedEvent {
  cursor: number;
  event: DurableEvent;
}

/** What is kept: enough for an operator that was away for an hour of work; a `reset` makes up for the rest. */
const kept = { events: 1000, bytes: 4 * 1024 * 1024 };
/** So many more are held before the oldest are let go of together. */
const surplus = 100;

/**
 * Milliseconds that an event nobody waits for waits for others. A turn tells of lines of its conversation while it writes these: each on its own
 * made it wait for the disk eight times more.
 */
const gatherMs = 50;

/** Whether somebody may go on with what this says: that a message has ended, or that a person is asked. */
function isAwaited(event: DurableEvent): boolean {
  if (event.type === 'message') return event.data.phase === 'Completed' || event.data.phase === 'Failed';
  return event.type !== 'entry';
}

/**
 * The durable events of the workspace. An event is shown to listeners when it is on disk, so that a cursor somebody saw
 * never means another event after a crash. While the volume is full, events wait in memory.
 */
export class EventLog {
  readonly path: string;
  readonly #health: StorageHealth;
  readonly #log: AppendLog;
  /** The newest of those on disk. */
  #events: LoggedEvent[];
  #cursor: number;
  /** The cursor before the first one on disk. */
  #from: number;
  #pending: LoggedEvent[] = [];
  #writing: Promise<void> | undefined;
  #gathering: NodeJS.Timeout | undefined;
  readonly #listeners = new Set<(event: LoggedEvent) => void>();
  readonly #closed = new AbortController();

  private constructor(
    path: string,
    health: StorageHealth,
    events: LoggedEvent[],
    { cursor, from }: { cursor: number; from: number },
    scan?: LogScan,
  ) {
    this.path = path;
    this.#health = health;
    this.#events = events;
    this.#cursor = cursor;
    this.#from = from;
    this.#log = new AppendLog(path, health, scan);
  }

  /** @param atLeast the cursor of the newest checkpoint, for when the file itself was lost */
  static async open(path: string, health: StorageHealth, atLeast: number): Promise<EventLog> {
    const events: LoggedEvent[] = [];
    let first: number | undefined;
    const scan = await scanLog(path, (record) => {
      const parsed = loggedEvent.safeParse(record);
      if (!parsed.success) return;
      first ??= parsed.data.cursor;
      events.push(parsed.data as LoggedEvent);
      if (events.length > kept.events + surplus) events.splice(0, surplus);
    });
    const cursor = Math.max(atLeast, events.at(-1)?.cursor ?? 0);
    return new EventLog(path, health, events, { cursor, from: (first ?? cursor + 1) - 1 }, scan);
  }

  /** The newest event that is on disk. */
  get cursor(): number {
    return this.#cursor;
  }

  get bytes(): number {
    return this.#log.length;
  }

  emit(event: DurableEvent): void {
    const last = this.#pending.at(-1)?.cursor ?? this.#cursor;
    this.#pending.push({ cursor: last + 1, event });
    if (isAwaited(event)) this.#begin();
    else this.#gathering ??= setTimeout(() => this.#begin(), gatherMs);
  }

  #begin(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    // What waited may have been written with what came after it; a write of nothing would have ended before it is noted here.
    if (this.#pending.length > 0) this.#writing ??= this.#write();
  }

  /** Events after a cursor; undefined when some of them are no longer kept, or the cursor is not one of ours. */
  after(cursor: number): LoggedEvent[] | undefined {
    if (cursor > this.#cursor) return undefined;
    if (cursor === this.#cursor) return [];
    const oldest = this.#events[0]?.cursor;
    if (oldest === undefined || cursor < oldest - 1) return undefined;
    return this.#events.filter((event) => event.cursor > cursor);
  }

  /** The last phase that was told of a message, if it is still kept. */
  lastPhase(key: string): string | undefined {
    const last = this.#events.findLast(({ event }) => event.type === 'message' && event.data.key === key);
    return last?.event.type === 'message' ? last.event.data.phase : undefined;
  }

  subscribe(listener: (event: LoggedEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when everything emitted so far is on disk, or cannot be because the volume is full. */
  async flush(): Promise<void> {
    this.#begin();
    if (this.#health.problem === undefined) await this.#writing;
  }

  close(): void {
    clearTimeout(this.#gathering);
    this.#closed.abort(new Error('the event log is closed'));
  }

  async #write(): Promise<void> {
    while (this.#pending.length > 0 && !this.#closed.signal.aborted) {
      const batch = [...this.#pending];
      try {
        await this.#log.append(...batch);
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        // Closing is the only other way out of this wait, and the loop's condition sees it.
        await this.#health.recovered(this.#closed.signal).catch((reason: unknown) => reason);
        continue;
      }
      this.#pending = this.#pending.slice(batch.length);
      this.#cursor = batch.at(-1)?.cursor ?? this.#cursor;
      this.#events.push(...batch);
      for (const event of batch) for (const listener of this.#listeners) listener(event);
      if (this.#events.length > kept.events + surplus) this.#events = this.#events.slice(-kept.events);
      if (this.#cursor - this.#from > 2 * kept.events || this.#log.length > 2 * kept.bytes)
        await this.#rotate();
    }
    this.#writing = undefined;
  }

  /** Rewrites the file with the newest half. A failure leaves the old file, which is whole. */
  async #rotate(): Promise<void> {
    const lines: string[] = [];
    let bytes = 0;
    for (const event of this.#events.toReversed()) {
      const line = `${JSON.stringify(event)}\n`;
      bytes += Buffer.byteLength(line);
      if (bytes > kept.bytes && lines.length > 0) break;
      lines.unshift(line);
    }
    const content = Buffer.from(lines.join(''));
    try {
      await replaceDurably(this.path, content);
    } catch (error) {
      this.#health.refused(error, this.path);
      return;
    }
    this.#events = this.#events.slice(-lines.length);
    this.#from = (this.#events[0]?.cursor ?? this.#cursor + 1) - 1;
    await this.#log.replaced({ length: content.length, hash: createHash('sha256').update(content) });
  }
}
