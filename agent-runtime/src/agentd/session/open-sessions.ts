import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { StorageHealth } from '../storage/health.ts';
import type { Layout } from '../storage/layout.ts';
import { type LogScan, scanLog } from '../storage/scan-log.ts';
import { transcriptEntry } from './entry.ts';
import { inboxRecord } from './inbox-record.ts';
import { Ledger } from './ledger.ts';
import { SessionLogs } from './logs.ts';
import type { DailyUsage } from './usage.ts';

/** What was found of one file at start, for the report and for checkpoints that name a prefix of it. */
export interface ScannedLog {
  /** Relative to `state`, such as `inbox/main.jsonl`. */
  name: string;
  scan: LogScan;
}

/** Prefix lengths whose digests are wanted, by the file's name. */
export type Marks = ReadonlyMap<string, readonly number[]>;

/** Reads the logs of every session on the volume; a torn last line, which nobody was told of, is cut off. */
export async function openSessions(
  layout: Layout,
  health: StorageHealth,
  usage: DailyUsage,
  marks: Marks,
): Promise<{ logs: Map<string, SessionLogs>; scanned: ScannedLog[] }> {
  const logs = new Map<string, SessionLogs>();
  const scanned: ScannedLog[] = [];
  const found = await Promise.all([readdir(layout.inbox), readdir(layout.transcripts)]);
  const ids = new Set(found.flat().flatMap((name) => (name.endsWith('.jsonl') ? [name.slice(0, -6)] : [])));
  for (const id of [...ids].sort()) {
    const files = filesOf(layout, id);
    const ledger = new Ledger();
    const transcriptName = `transcripts/${id}.jsonl`;
    const transcript = await scanLog(
      files.transcript,
      (record, offset) => {
        const entry = transcriptEntry.safeParse(record);
        if (!entry.success) return;
        ledger.foldEntry(entry.data, offset);
        usage.record(entry.data);
      },
      marks.get(transcriptName),
    );
    const inboxName = `inbox/${id}.jsonl`;
    const inbox = await scanLog(
      files.inbox,
      (record) => {
        const parsed = inboxRecord.safeParse(record);
        if (parsed.success) ledger.foldRecord(parsed.data);
      },
      marks.get(inboxName),
    );
    if (transcript !== undefined) scanned.push({ name: transcriptName, scan: transcript });
    if (inbox !== undefined) scanned.push({ name: inboxName, scan: inbox });
    logs.set(id, new SessionLogs(files, health, { ledger, transcript, inbox }));
  }
  return { logs, scanned };
}

export function filesOf(layout: Layout, session: string): { transcript: string; inbox: string } {
  return {
    transcript: join(layout.transcripts, `${session}.jsonl`),
    inbox: join(layout.inbox, `${session}.jsonl`),
  };
}
