import type { Logger } from 'pino';
import type { RuntimeState } from '../protocol/state.ts';
import { foldTask, type Task, taskRecord } from './background/task-record.ts';
import { folderName } from './checkpoint/manifest.ts';
import type { CheckpointStore, FoundCheckpoint } from './checkpoint/store.ts';
import { type Verified, verifyCheckpoints } from './checkpoint/verify.ts';
import type { Fork } from './fork/begin.ts';
import type { Rewind } from './rewind/begin.ts';
import type { SessionLogs } from './session/logs.ts';
import { openSessions, type ScannedLog } from './session/open-sessions.ts';
import { DailyUsage } from './session/usage.ts';
import type { StorageHealth } from './storage/health.ts';
import type { Layout } from './storage/layout.ts';
import { type LogScan, scanLog } from './storage/scan-log.ts';
import type { ImagesToRestore } from './tools/tools-watch.ts';

/** What a start found on the volume. */
export interface Recovered {
  sessions: Map<string, SessionLogs>;
  subagents: SessionLogs[];
  usage: DailyUsage;
  background: { tasks: Map<string, Task>; scan: LogScan | undefined };
  verified: Verified;
  lastSequence: number;
  lastActivityAt: string | undefined;
  /** What was dumped with the checkpoint that the volume stands on, or comes from. */
  images: ImagesToRestore | undefined;
  restore: RuntimeState['restore'];
}

/**
 * Reads everything once: each log is parsed, hashed and, where a crash tore its last line, mended in one pass, and the
 * digests that checkpoints name are taken on the way.
 */
export async function recover(
  layout: Layout,
  health: StorageHealth,
  store: CheckpointStore,
  { fork, rewind }: { fork: Fork | undefined; rewind: Rewind | undefined },
  owner: { namespace: string; name: string },
  log: Logger,
): Promise<Recovered> {
  await store.removeUnfinished();
  const found = await store.list();
  const marks = marksOf(found);
  const usage = new DailyUsage(fork?.record.at);
  const { logs: sessions, subagents, scanned } = await openSessions(layout, health, usage, marks);
  const tasks = new Map<string, Task>();
  const background = await scanLog(
    layout.background,
    (record) => {
      const parsed = taskRecord.safeParse(record);
      if (parsed.success) foldTask(tasks, parsed.data);
    },
    marks.get('background.jsonl'),
  );
  if (background !== undefined) scanned.push({ name: 'background.jsonl', scan: background });
  report(scanned, log);
  const verified = await verifyCheckpoints(store, found, scanned, owner);
  for (const { sequence, reason } of verified.rejected) {
    log.warn({ checkpoint: folderName(sequence), reason }, 'checkpoint rejected');
  }
  const now = new Date().toISOString();
  // What is to come, on the word of a volume from elsewhere, would keep the workspace awake until then.
  const activity = [...sessions.values(), ...subagents].flatMap(({ ledger: { lastActivityAt } }) =>
    lastActivityAt === undefined ? [] : lastActivityAt > now ? [now] : [lastActivityAt],
  );
  return {
    sessions,
    subagents,
    usage,
    background: { tasks, scan: background },
    verified,
    lastSequence: found[0]?.sequence ?? 0,
    lastActivityAt: activity.sort().at(-1),
    images: fork?.images ?? imagesOf(verified),
    restore: {
      ...(verified.sequence !== undefined && { sequence: verified.sequence }),
      outcome: fork?.fresh ? 'Forked' : rewind?.fresh ? 'Rewound' : outcomeOf(verified, scanned),
      processes: 'None',
      restored: [],
      ...(verified.manifest?.withoutImages && { problem: verified.manifest.withoutImages }),
      ...(fork?.staying && { problem: imagesStay }),
      rejected: verified.rejected,
      restarted: [],
      ended: [],
    },
  };
}

function imagesOf({ manifest }: Verified): ImagesToRestore | undefined {
  if (manifest?.images === undefined || manifest.images.length === 0) return undefined;
  return { folder: folderName(manifest.sequence), images: manifest.images };
}

const imagesStay = {
  reason: 'Unsupported' as const,
  message:
    'the checkpoint has process images that stay with its workspace: the processes would go on with its key, since they were started by an older image of the workspace',
};

function outcomeOf(verified: Verified, scanned: readonly ScannedLog[]): RuntimeState['restore']['outcome'] {
  if (verified.sequence !== undefined && !verified.grown) return 'Checkpoint';
  return scanned.length === 0 && verified.rejected.length === 0 ? 'Fresh' : 'Recovered';
}

function marksOf(found: readonly FoundCheckpoint[]): Map<string, number[]> {
  const marks = new Map<string, number[]>();
  for (const { manifest } of found) {
    for (const file of manifest?.files ?? []) {
      if (file.kind === 'log') marks.set(file.path, [...(marks.get(file.path) ?? []), file.length]);
    }
  }
  return marks;
}

function report(scanned: readonly ScannedLog[], log: Logger): void {
  for (const { name, scan } of scanned) {
    if (scan.torn > 0) log.warn({ file: name, bytes: scan.torn }, 'cut off a torn line');
    if (scan.unreadable > 0)
      log.error({ file: name, lines: scan.unreadable }, 'passed over unreadable lines');
  }
}
