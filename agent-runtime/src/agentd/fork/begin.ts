import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ForkSource } from '../../protocol/config.ts';
import type { Manifest } from '../checkpoint/manifest.ts';
import type { CheckpointStore } from '../checkpoint/store.ts';
import { replaceDurably, syncFolder } from '../storage/durable-file.ts';
import type { Layout } from '../storage/layout.ts';
import { type ForkRecord, readForkRecord } from './record.ts';
import { cutToPrefix, type Ending, endTranscript } from './transcript.ts';

/** The volume cannot be made that of a fork; the message says why. */
export class ForkError extends Error {
  override readonly name = 'ForkError';
}

/** What the volume says of a fork, and whether it became one just now. */
export interface Fork {
  record: ForkRecord;
  fresh: boolean;
}

/**
 * Makes a volume that is a copy of another workspace's that of its fork: logs are cut to what the checkpoint names
 * (docs/decisions/0005), what the origin was asked and asked itself (its inbox, its events) goes, and each transcript ends
 * with an entry that says where it forked. The origin's manifest goes last: while it is there the work is not done, and
 * whoever starts next does it again from the beginning.
 *
 * @returns undefined where the workspace is no fork
 * @throws ForkError where the volume is no copy of that checkpoint
 */
export async function beginFork(
  layout: Layout,
  store: CheckpointStore,
  source: ForkSource | undefined,
): Promise<Fork | undefined> {
  const record = await readForkRecord(layout.fork);
  const found = source === undefined ? [] : await store.list();
  const ofOrigin = found.filter(({ manifest }) => manifest?.workspace.uid === source?.workspace.uid);
  const origin = ofOrigin.find(({ sequence }) => sequence === source?.sequence)?.manifest;
  if (source === undefined || (origin === undefined && record !== undefined)) {
    return record && { record, fresh: false };
  }
  if (origin === undefined) {
    const { workspace, sequence } = source;
    throw new ForkError(
      `The volume is no copy of checkpoint ${sequence} of workspace ${workspace.namespace}/${workspace.name}: that is not on it. Delete this workspace with its claim, and fork again.`,
    );
  }
  const begun: ForkRecord = { version: 1, from: source, at: new Date().toISOString() };
  await cutLogs(layout, origin, begun);
  await rm(layout.events, { force: true });
  await syncFolder(layout.root);
  await replaceDurably(layout.fork, Buffer.from(`${JSON.stringify(begun, null, 2)}\n`));
  for (const { sequence } of found) if (sequence !== source.sequence) await store.remove(sequence);
  await store.remove(source.sequence);
  return { record: begun, fresh: true };
}

/** Of each log the prefix that the manifest names stays, and nothing of what it does not name or of any inbox. */
async function cutLogs(layout: Layout, { files }: Manifest, fork: ForkRecord): Promise<void> {
  const logs = new Map(files.flatMap((file) => (file.kind === 'log' ? [[file.path, file] as const] : [])));
  for (const name of await readdir(layout.inbox)) await rm(join(layout.inbox, name));
  await syncFolder(layout.inbox);
  for (const name of await readdir(layout.transcripts))
    if (!logs.has(`transcripts/${name}`)) await rm(join(layout.transcripts, name));
  await syncFolder(layout.transcripts);
  for (const log of logs.values()) {
    if (!log.path.startsWith('transcripts/')) continue;
    const path = join(layout.root, log.path);
    await endTranscript(path, await cut(path, log), endingOf(fork));
  }
  const background = logs.get('background.jsonl');
  if (background === undefined) await rm(layout.background, { force: true });
  else await cut(layout.background, background);
}

function endingOf({ from, at }: ForkRecord): Ending {
  const { namespace, name } = from.workspace;
  return {
    at,
    result: 'The workspace was forked before this call had a result. It is not run here.',
    text: `This workspace is a fork of workspace ${namespace}/${name}, made from its checkpoint ${from.sequence}. Files and conversation are as they were then; from here on each goes its own way.`,
    mark: { forkedWorkspace: from },
  };
}

async function cut(path: string, prefix: { path: string; length: number; sha256: string }) {
  const records = await cutToPrefix(path, prefix);
  if (records === undefined)
    throw new ForkError(
      `${prefix.path} on the volume is not as the checkpoint has it: the snapshot is no copy of the origin. Fork from another checkpoint.`,
    );
  return records;
}
