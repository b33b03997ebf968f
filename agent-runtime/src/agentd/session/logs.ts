import { AppendLog, type LogPosition } from '../storage/append-log.ts';
import type { StorageHealth } from '../storage/health.ts';
import { parseObject, readLines } from '../storage/lines.ts';
import { type TranscriptEntry, transcriptEntry } from './entry.ts';
import type { InboxRecord } from './inbox-record.ts';
import { Ledger } from './ledger.ts';

/** The two logs of one session and what they say. A line reaches the ledger when it is on disk, never before. */
export class SessionLogs {
  readonly ledger: Ledger;
  readonly transcript: AppendLog;
  readonly inbox: AppendLog;

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
    await this.transcript.append(...entries);
    for (const entry of entries) this.ledger.foldEntry(entry);
  }

  async appendRecords(...records: InboxRecord[]): Promise<void> {
    await this.inbox.append(...records);
    for (const record of records) this.ledger.foldRecord(record);
  }

  /** Every durable entry, oldest first. */
  async entries(): Promise<TranscriptEntry[]> {
    const entries: TranscriptEntry[] = [];
    for await (const line of this.lines()) {
      const parsed = transcriptEntry.safeParse(parseObject(line));
      if (parsed.success) entries.push(parsed.data);
    }
    return entries;
  }

  /** The durable lines of the transcript as they are on disk. */
  lines(): AsyncGenerator<string> {
    return readLines(this.transcript.path, this.transcript.length);
  }
}
