import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { openRegular } from '../../regular-file/regular-file.ts';
import { type TranscriptEntry, transcriptEntry } from '../session/entry.ts';
import { nextStep } from '../session/step.ts';
import { largestLog, scanLog } from '../storage/scan-log.ts';
import { runtimeVersion } from '../version.ts';
import type { ForkRecord } from './record.ts';

/**
 * Cuts a log to its first `length` bytes, whose records go to `onRecord`. False where they are not those of the digest; whatever
 * is there is cut then too.
 */
export async function cutToPrefix(
  path: string,
  { length, sha256 }: { length: number; sha256: string },
  onRecord: (record: unknown) => void = () => undefined,
): Promise<boolean> {
  if (length > largestLog) return false;
  const handle = await openRegular(path, constants.O_RDWR).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (handle === undefined) return false;
  try {
    if ((await handle.stat()).size < length) return false;
    await handle.truncate(length);
    await handle.sync();
  } finally {
    await handle.close();
  }
  const scan = await scanLog(path, onRecord);
  return scan?.length === length && scan.hash.digest('hex') === sha256;
}

/** What of a transcript says how it goes on: its last answer and what came after. */
export class Ending {
  #entries: TranscriptEntry[] = [];

  add(record: unknown): void {
    const entry = transcriptEntry.safeParse(record).data;
    if (entry?.message.role === 'assistant') this.#entries = [];
    if (entry !== undefined) this.#entries.push(entry);
  }

  get entries(): readonly TranscriptEntry[] {
    return this.#entries;
  }
}

/**
 * Adds the entry that says where the session forked. A call that had no result gets one: nobody will run it here, and the
 * model's API wants a result for each.
 */
export async function endWithFork(
  path: string,
  { entries }: Ending,
  { from, at }: ForkRecord,
): Promise<void> {
  const last = entries.at(-1);
  if (last === undefined) return;
  const step = nextStep(entries);
  const { namespace, name } = from.workspace;
  const entry: TranscriptEntry = {
    type: 'user',
    uuid: randomUUID(),
    parentUuid: last.uuid,
    sessionId: last.sessionId,
    timestamp: at,
    cwd: last.cwd,
    version: runtimeVersion,
    gitBranch: '',
    isSidechain: false,
    message: {
      role: 'user',
      content: [
        ...(step.kind === 'tools' ? step.calls : []).map(({ id }) => ({
          type: 'tool_result',
          tool_use_id: id,
          is_error: true,
          content: 'The workspace was forked before this call had a result. It is not run here.',
        })),
        {
          type: 'text',
          text: `<system-reminder>
This workspace is a fork of workspace ${namespace}/${name}, made from its checkpoint ${from.sequence}. Files and conversation are as they were then; from here on each goes its own way.
</system-reminder>`,
        },
      ],
    },
    forkedWorkspace: from,
  };
  const handle = await openRegular(path, constants.O_WRONLY | constants.O_APPEND);
  try {
    await handle.writeFile(`${JSON.stringify(entry)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
