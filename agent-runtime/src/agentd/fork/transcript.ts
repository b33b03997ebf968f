import { randomUUID } from 'node:crypto';
import { open, stat, truncate } from 'node:fs/promises';
import { type TranscriptEntry, transcriptEntry } from '../session/entry.ts';
import { nextStep } from '../session/step.ts';
import { scanLog } from '../storage/scan-log.ts';
import { runtimeVersion } from '../version.ts';

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

/** What a transcript that was cut ends with. */
export interface Ending {
  at: string;
  /** What calls without a result get as theirs. */
  result: string;
  /** What the model is told. */
  text: string;
  mark: Pick<TranscriptEntry, 'forkedWorkspace' | 'rewound'>;
}

/**
 * Adds the entry that says what became of the workspace. A call that had no result gets one: nobody will run it any more, and the
 * model's API wants a result for each.
 */
export async function endTranscript(
  path: string,
  records: unknown[],
  { at, result, text, mark }: Ending,
): Promise<void> {
  const entries = records.flatMap((record) => transcriptEntry.safeParse(record).data ?? []);
  const last = entries.at(-1);
  if (last === undefined) return;
  const step = nextStep(entries);
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
          content: result,
        })),
        { type: 'text', text: `<system-reminder>\n${text}\n</system-reminder>` },
      ],
    },
    ...mark,
  };
  await appendDurably(path, [entry]);
}

/** Appends records to a log that nobody has open, flushed. */
export async function appendDurably(path: string, records: readonly unknown[]): Promise<void> {
  const handle = await open(path, 'a');
  try {
    await handle.writeFile(records.map((record) => `${JSON.stringify(record)}\n`).join(''));
    await handle.sync();
  } finally {
    await handle.close();
  }
}
