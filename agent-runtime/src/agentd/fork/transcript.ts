import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { openRegular } from '../../regular-file/regular-file.ts';
import { type TranscriptEntry, transcriptEntry } from '../session/entry.ts';
import { nextStep } from '../session/step.ts';
import { largestLog, scanLog } from '../storage/scan-log.ts';
import { runtimeVersion } from '../version.ts';

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

/** What a transcript that was cut ends with. */
export interface LastWords {
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
  { entries }: Ending,
  { at, result, text, mark }: LastWords,
): Promise<void> {
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
    isSidechain: last.isSidechain,
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
  const handle = await openRegular(path, constants.O_WRONLY | constants.O_APPEND);
  try {
    await handle.writeFile(records.map((record) => `${JSON.stringify(record)}\n`).join(''));
    await handle.sync();
  } finally {
    await handle.close();
  }
}
