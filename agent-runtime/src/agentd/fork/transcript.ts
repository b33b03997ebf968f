import { randomUUID } from 'node:crypto';
import { open, stat, truncate } from 'node:fs/promises';
import { type TranscriptEntry, transcriptEntry } from '../session/entry.ts';
import { nextStep } from '../session/step.ts';
import { scanLog } from '../storage/scan-log.ts';
import { runtimeVersion } from '../version.ts';
import type { ForkRecord } from './record.ts';

/** Cuts a log to its first `length` bytes; returns their records, or undefined where they are not those of the digest. */
export async function cutToPrefix(
  path: string,
  { length, sha256 }: { length: number; sha256: string },
): Promise<unknown[] | undefined> {
  const there = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (there === undefined || there.size < length) return undefined;
  await truncate(path, length);
  const records: unknown[] = [];
  const scan = await scanLog(path, (record) => records.push(record));
  return scan?.length === length && scan.hash.digest('hex') === sha256 ? records : undefined;
}

/**
 * Adds the entry that says where the session forked. A call that had no result gets one: nobody will run it here, and the
 * model's API wants a result for each.
 */
export async function endWithFork(path: string, records: unknown[], { from, at }: ForkRecord): Promise<void> {
  const entries = records.flatMap((record) => transcriptEntry.safeParse(record).data ?? []);
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
    isSidechain: last.isSidechain,
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
  const handle = await open(path, 'a');
  try {
    await handle.writeFile(`${JSON.stringify(entry)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
