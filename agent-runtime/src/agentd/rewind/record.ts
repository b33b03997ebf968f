import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { rewindTarget } from '../../protocol/config.ts';

/** `rewind.json` on the volume: the rewind that it is the outcome of, since when, and what cursors of events begin after. */
export const rewindRecord = rewindTarget.extend({
  version: z.literal(1),
  at: z.iso.datetime(),
  cursor: z.int().min(0),
});
export type RewindRecord = z.infer<typeof rewindRecord>;

/** Undefined where the volume was never rewound. Throws where the file is there and cannot be read. */
export async function readRewindRecord(path: string): Promise<RewindRecord | undefined> {
  try {
    return rewindRecord.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
