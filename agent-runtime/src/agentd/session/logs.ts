import type { ApprovalDecision } from '../../protocol/agent-api.ts';
import { AppendLog, type LogPosition } from '../storage/append-log.ts';
import type { StorageHealth } from '../storage/health.ts';
import { parseObject, readLines } from '../storage/lines.ts';
import { type TranscriptEntry, transcriptEntry } from './entry.ts';
import type { InboxRecord } from './inbox-record.ts';
import { Ledger } from './ledger.ts';
import { type PlacedEntry, RecentEntries } from './recent-entries.ts';

/** The two logs of one session and what they say. A line reaches the ledger when it is on disk, never before. */
export class SessionLogs {
  readonly ledger: Ledger;
  readonly transcript: AppendLog;
  readonly inbox: AppendLog;
  readonly #decided = new Map<string, () => void>();
  readonly #recent = new RecentEntries();

  constructor(
    files: { transcript: string; inbox: string },
    health: StorageHealth,
    found?: { ledger: Ledger; transcript: LogPosition | undefined; inbox: LogPosition | undefined },
  ) {
    this.ledger = found?.ledger ?? new Ledger();
    this.transcript = new AppendLog(files.transcript, health, found?.transcript);
    this.inbox = new AppendLog(files.inbox, health, found?.inbox);
  }

  async appendEntries(...entries: TranscriptEntry[]): Promise<void> {
    const offsets = await this.transcript.append(...entries);
    for (const [index, entry] of entries.entries()) {
      const offset = offsets[index] as number;
      this.ledger.foldEntry(entry, offset);
      this.#recent.add(entry, offset);
    }
  }

  async appendRecords(...records: InboxRecord[]): Promise<void> {
    await this.inbox.append(...records);
    for (const record of records) {
      this.ledger.foldRecord(record);
      if (record.type === 'decision') this.#decided.get(record.id)?.();
    }
  }

  /** Resolves with what a person decided on a question, once that is on disk. Rejects with the signal's reason. */
  async decisionOf(id: string, signal: AbortSignal): Promise<ApprovalDecision> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    this.#decided.set(id, resolve);
    try {
      await promise;
      return this.ledger.approvals.get(id)?.decision ?? { decision: 'deny' };
    } finally {
      this.#decided.delete(id);
      signal.removeEventListener('abort', abort);
    }
  }

  /** Every durable entry, oldest first. */
  entries(): Promise<TranscriptEntry[]> {
    return this.#read(0, this.transcript.length);
  }

  /**
   * What a turn needs of the transcript: what the model still sees, and the turn itself where it began before that. A transcript of 100 MB takes
   * as long as a new one.
   */
  async recent(key: string): Promise<TranscriptEntry[]> {
    const { liveFrom } = this.ledger;
    const from = Math.min(liveFrom, this.ledger.turnRange(key)?.from ?? liveFrom);
    const known = this.#recent.since(from);
    if (known !== undefined) {
      this.#recent.startAt(from);
      return known;
    }
    const to = this.transcript.length;
    const placed = await this.#readPlaced(from, to);
    // What was written meanwhile is not among them.
    if (to === this.transcript.length) this.#recent.keep(placed, from, to);
    return placed.map(({ entry }) => entry);
  }

  /** Lets go of what it holds for speed alone. */
  forgetRead(): void {
    this.#recent.forget();
  }

  /** The entries from the prompt of a message on. */
  async since(key: string): Promise<TranscriptEntry[]> {
    const range = this.ledger.turnRange(key);
    return range === undefined ? [] : this.#read(range.from, this.transcript.length);
  }

  /** The entries of one message's turn. */
  async turn(key: string): Promise<TranscriptEntry[]> {
    const range = this.ledger.turnRange(key);
    return range === undefined ? [] : this.#read(range.from, range.to ?? this.transcript.length);
  }

  async #read(from: number, to: number): Promise<TranscriptEntry[]> {
    return (await this.#readPlaced(from, to)).map(({ entry }) => entry);
  }

  async #readPlaced(from: number, to: number): Promise<PlacedEntry[]> {
    const entries: PlacedEntry[] = [];
    for await (const { line, offset } of readLines(this.transcript.path, to, from)) {
      const parsed = transcriptEntry.safeParse(parseObject(line));
      if (parsed.success) entries.push({ entry: parsed.data, offset });
    }
    return entries;
  }

  /** The durable lines of the transcript as they are on disk. */
  async *lines(): AsyncGenerator<string> {
    for await (const { line } of readLines(this.transcript.path, this.transcript.length)) yield line;
  }
}
