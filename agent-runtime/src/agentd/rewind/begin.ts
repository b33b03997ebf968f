import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RuntimeConfig } from '../../protocol/config.ts';
import type { Manifest } from '../checkpoint/manifest.ts';
import type { CheckpointStore } from '../checkpoint/store.ts';
import { namedLogs, removeOthers } from '../fork/named-logs.ts';
import { appendDurably, cutToPrefix, Ending, endTranscript, type LastWords } from '../fork/transcript.ts';
import { dueAt } from '../schedule/schedule.ts';
import { type InboxRecord, inboxRecord } from '../session/inbox-record.ts';
import { Ledger } from '../session/ledger.ts';
import { noUsage } from '../session/usage.ts';
import { replaceDurably, syncFolder } from '../storage/durable-file.ts';
import type { Layout } from '../storage/layout.ts';
import { type RewindRecord, readRewindRecord } from './record.ts';

/** The volume does not go back to that checkpoint; the message says why. */
export class RewindError extends Error {
  override readonly name = 'RewindError';
}

/** What the volume says of a rewind, and whether it was rewound just now. */
export interface Rewind {
  record: RewindRecord;
  fresh: boolean;
}

/** A cursor that somebody has from before the rewind never means an event after it. */
const cursorGap = 1_000_000;

/**
 * Makes a volume that is a copy of this workspace's own at a checkpoint the volume of the workspace from here on. Logs are cut to what
 * the checkpoint names; what was open then is settled, for its sender was told how it ended; each transcript ends with an entry that
 * says so. The record comes last: until it is there the next start does everything again, from the checkpoint, which stays.
 *
 * @returns undefined where the workspace was never rewound
 * @throws RewindError where the volume is no copy of that checkpoint
 */
export async function beginRewind(
  layout: Layout,
  store: CheckpointStore,
  { rewind: target, workspace }: Pick<RuntimeConfig, 'rewind' | 'workspace'>,
): Promise<Rewind | undefined> {
  const record = await readRewindRecord(layout.rewind);
  if (target === undefined || record?.id === target.id) return record && { record, fresh: false };
  const found = (await store.list()).find(({ sequence }) => sequence === target.sequence);
  if (found?.manifest?.workspace.uid !== workspace.uid)
    throw new RewindError(
      `The volume is no copy of checkpoint ${target.sequence} of workspace ${workspace.namespace}/${workspace.name}: ${found?.problem ?? 'that is not on it'}.`,
    );
  const { manifest } = found;
  const begun: RewindRecord = {
    version: 1,
    ...target,
    at: new Date().toISOString(),
    cursor: Math.max(manifest.cursor, record?.cursor ?? 0) + cursorGap,
  };
  await cutLogs(layout, manifest, begun);
  await rm(layout.events, { force: true });
  await syncFolder(layout.root);
  await replaceDurably(layout.rewind, Buffer.from(`${JSON.stringify(begun, null, 2)}\n`));
  return { record: begun, fresh: true };
}

async function cutLogs(layout: Layout, manifest: Manifest, rewind: RewindRecord): Promise<void> {
  const logs = namedLogs(manifest);
  await removeOthers(layout, 'transcripts', logs);
  await removeOthers(layout, 'inbox', logs);
  if (!logs.has('background.jsonl')) await rm(layout.background, { recursive: true, force: true });
  for (const log of logs.values()) {
    const [folder] = log.path.split('/');
    const path = join(layout.root, log.path);
    const ending = new Ending();
    const ledger = new Ledger();
    const fits = await cutToPrefix(path, log, (record) => {
      if (folder === 'transcripts') ending.add(record);
      const parsed = folder === 'inbox' ? inboxRecord.safeParse(record).data : undefined;
      if (parsed !== undefined) ledger.foldRecord(parsed);
    });
    if (!fits)
      throw new RewindError(
        `${log.path} on the volume is not as checkpoint ${rewind.sequence} has it: the snapshot is no copy of that moment.`,
      );
    if (folder === 'transcripts') await endTranscript(path, ending, lastWords(rewind, manifest));
    if (folder === 'inbox') await settle(path, ledger, rewind);
  }
}

function lastWords({ id, sequence, at }: RewindRecord, { takenAt }: Manifest): LastWords {
  return {
    at,
    result: 'The workspace was rewound to the time before this call had a result. It is not run.',
    text: `This workspace was rewound to its checkpoint ${sequence}, taken at ${takenAt}. Files and conversation are as they were then. What was done after that is not here, though its effects elsewhere may last.`,
    mark: { rewound: { id, sequence } },
  };
}

/**
 * What had no answer at the checkpoint had one later, or was given up: it must not be worked on a second time. Nor is a prompt that a
 * session scheduled given again: one that came due before the rewind counts as given.
 */
async function settle(path: string, ledger: Ledger, { sequence, at }: RewindRecord): Promise<void> {
  const settled: InboxRecord[] = ledger.open().map(({ request }) => ({
    type: 'settled',
    key: request.key,
    phase: 'Failed',
    at,
    usage: noUsage,
    reason: 'WorkspaceRewound',
    message: `The workspace was rewound to checkpoint ${sequence}, where this message had no answer yet.`,
  }));
  const given = [...ledger.schedules.values()].flatMap((kept): InboxRecord[] => {
    const due = dueAt(kept, 0);
    return due === undefined || due > Date.parse(at) ? [] : [{ type: 'fired', id: kept.schedule.id, at }];
  });
  if (settled.length + given.length > 0) await appendDurably(path, [...settled, ...given]);
}
