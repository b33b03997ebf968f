import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { ForkSource } from '../../protocol/config.ts';
import { folderName, type Manifest } from '../checkpoint/manifest.ts';
import type { CheckpointStore } from '../checkpoint/store.ts';
import { replaceDurably, syncFolder } from '../storage/durable-file.ts';
import type { Layout } from '../storage/layout.ts';
import type { ImagesToRestore } from '../tools/tools-watch.ts';
import { namedLogs, removeOthers } from './named-logs.ts';
import { type ForkRecord, readForkRecord } from './record.ts';
import { cutToPrefix, Ending, endTranscript, type LastWords } from './transcript.ts';

/** The volume cannot be made that of a fork; the message says why. */
export class ForkError extends Error {
  override readonly name = 'ForkError';
}

/** What the volume says of a fork, and whether it became one just now. */
export interface Fork {
  record: ForkRecord;
  fresh: boolean;
  /** The origin's process images that its fork may go on with. Only this start does: a crash before they are restored has services start afresh. */
  images?: ImagesToRestore;
  /** How many it may not: what was dumped may hold the origin's key. */
  staying?: number;
}

/**
 * Makes a volume that is a copy of another workspace's that of its fork: logs are cut to what the checkpoint names
 * (docs/decisions/0005), what the origin was asked and asked itself (its inbox, its events, what people let it start) goes, and each
 * transcript ends with an entry that says where it forked. The origin's manifest goes last: while it is there the work is not done, and
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
  const read = await readForkRecord(layout.fork);
  const record = read !== undefined && 'record' in read ? read.record : undefined;
  if (source === undefined) return record && { record, fresh: false };
  const found = await store.list();
  const origin = found.find(
    ({ sequence, manifest }) =>
      sequence === source.sequence && manifest?.workspace.uid === source.workspace.uid,
  );
  if (origin?.manifest !== undefined) return begin(layout, store, source, origin.manifest);
  // Of an origin that was a fork itself there may be a record too.
  if (record !== undefined && isDeepStrictEqual(record.from, source)) return { record, fresh: false };
  const here = found.find(({ sequence }) => sequence === source.sequence)?.problem;
  const damaged =
    read !== undefined && 'problem' in read ? ` Its record of a fork is damaged: ${read.problem}.` : '';
  const { workspace, sequence } = source;
  throw new ForkError(
    `The volume is no copy of checkpoint ${sequence} of workspace ${workspace.namespace}/${workspace.name}: ${here === undefined ? 'that is not on it' : `${here}`}.${damaged} Delete this workspace with its claim, and fork again.`,
  );
}

async function begin(
  layout: Layout,
  store: CheckpointStore,
  source: ForkSource,
  origin: Manifest,
): Promise<Fork> {
  const begun: ForkRecord = { version: 1, from: source, at: new Date().toISOString() };
  try {
    await cutLogs(layout, origin, begun);
    await rm(layout.events, { recursive: true, force: true });
    // Who let something in, let the origin have it; and it was the origin that was rewound.
    for (const path of [layout.mcpApprovals, layout.mcpSignIns, layout.rewind])
      await rm(path, { recursive: true, force: true });
    await syncFolder(layout.root);
    await replaceDurably(layout.fork, Buffer.from(`${JSON.stringify(begun, null, 2)}\n`));
    await store.clear(source.sequence);
  } catch (error) {
    if (error instanceof ForkError) throw error;
    throw new ForkError(`The volume cannot be made that of a fork: ${(error as Error).message}.`, {
      cause: error,
    });
  }
  const images = (origin.images ?? []).filter(({ withoutKey }) => withoutKey === true);
  return {
    ...{ record: begun, fresh: true, staying: (origin.images ?? []).length - images.length },
    ...(images.length > 0 && { images: { folder: folderName(origin.sequence), images } }),
  };
}

/** Of each log the prefix that the manifest names stays, and nothing of what it does not name or of any inbox. */
async function cutLogs(layout: Layout, manifest: Manifest, fork: ForkRecord): Promise<void> {
  const logs = namedLogs(manifest);
  for (const name of await readdir(layout.inbox)) await rm(join(layout.inbox, name), { recursive: true });
  await syncFolder(layout.inbox);
  await removeOthers(layout, 'transcripts', logs);
  for (const log of logs.values()) {
    if (!log.path.startsWith('transcripts/')) continue;
    const path = join(layout.root, log.path);
    const ending = new Ending();
    mustFit(log, await cutToPrefix(path, log, (record) => ending.add(record)));
    await endTranscript(path, ending, lastWords(fork));
  }
  const background = logs.get('background.jsonl');
  if (background === undefined) await rm(layout.background, { recursive: true, force: true });
  else mustFit(background, await cutToPrefix(layout.background, background));
}

function lastWords({ from, at }: ForkRecord): LastWords {
  const { namespace, name } = from.workspace;
  return {
    at,
    result: 'The workspace was forked before this call had a result. It is not run here.',
    text: `This workspace is a fork of workspace ${namespace}/${name}, made from its checkpoint ${from.sequence}. Files and conversation are as they were then; from here on each goes its own way.`,
    mark: { forkedWorkspace: from },
  };
}

function mustFit({ path }: { path: string }, fits: boolean): void {
  if (!fits)
    throw new ForkError(
      `${path} on the volume is not as the checkpoint has it: the snapshot is no copy of the origin. Fork from another checkpoint.`,
    );
}
