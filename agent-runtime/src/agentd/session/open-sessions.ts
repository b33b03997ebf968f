import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
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

interface Files {
  transcript: string;
  inbox: string;
}

/** What is on the volume. */
export interface OpenedSessions {
  logs: Map<string, SessionLogs>;
  /** Those of subagents; each has the record of one. */
  subagents: SessionLogs[];
  scanned: ScannedLog[];
}

/** Reads the logs of every session on the volume; a torn last line, which nobody was told of, is cut off. */
export async function openSessions(
  layout: Layout,
  health: StorageHealth,
  usage: DailyUsage,
  marks: Marks,
): Promise<OpenedSessions> {
  const scanned: ScannedLog[] = [];
  const open = async (files: Files): Promise<SessionLogs> => {
    const ledger = new Ledger();
    const scan = async (path: string, fold: (record: unknown, offset: number) => void) => {
      const name = relative(layout.root, path);
      const found = await scanLog(path, fold, marks.get(name));
      if (found !== undefined) scanned.push({ name, scan: found });
      return found;
    };
    const transcript = await scan(files.transcript, (record, offset) => {
      const entry = transcriptEntry.safeParse(record);
      if (!entry.success) return;
      ledger.foldEntry(entry.data, offset);
      usage.record(entry.data);
    });
    const inbox = await scan(files.inbox, (record) => {
      const parsed = inboxRecord.safeParse(record);
      if (parsed.success) ledger.foldRecord(parsed.data);
    });
    return new SessionLogs(files, health, { ledger, transcript, inbox });
  };
  const logs = new Map<string, SessionLogs>();
  const subagents: SessionLogs[] = [];
  const found = await Promise.all([readdir(layout.inbox), readdir(layout.transcripts)]);
  const ids = new Set(found.flat().flatMap((name) => (name.endsWith('.jsonl') ? [name.slice(0, -6)] : [])));
  for (const id of [...ids].sort()) {
    logs.set(id, await open(filesOf(layout, id)));
    for (const subagent of await subagentsOf(layout, id)) {
      const opened = await open(subagentFiles(layout, id, subagent));
      if (opened.ledger.subagent !== undefined) subagents.push(opened);
    }
  }
  return { logs, subagents, scanned };
}

export function filesOf(layout: Layout, session: string): Files {
  return {
    transcript: join(layout.transcripts, `${session}.jsonl`),
    inbox: join(layout.inbox, `${session}.jsonl`),
  };
}

/** The files of a subagent lie in a folder of its session. */
export function subagentFiles(layout: Layout, session: string, id: string): Files {
  return {
    transcript: join(layout.transcripts, session, 'subagents', `agent-${id}.jsonl`),
    inbox: join(layout.inbox, session, 'subagents', `agent-${id}.jsonl`),
  };
}

/** Their ids. One without an inbox came with a fork: its transcript can be read, and it does not go on. */
async function subagentsOf(layout: Layout, session: string): Promise<string[]> {
  const names = await readdir(join(layout.inbox, session, 'subagents')).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    },
  );
  return names.flatMap((name) => /^agent-(.+)\.jsonl$/.exec(name)?.[1] ?? []).sort();
}
