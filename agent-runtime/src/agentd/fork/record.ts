import { z } from 'zod';
import { forkSource } from '../../protocol/config.ts';
import { FileRefused, readRegular } from '../../regular-file/regular-file.ts';

/** Bytes; ours has some 300. */
const longest = 64 * 1024;

/** `fork.json` on the volume of a fork: which checkpoint of another workspace it goes on from, and since when. */
export const forkRecord = z.object({ version: z.literal(1), from: forkSource, at: z.iso.datetime() });
export type ForkRecord = z.infer<typeof forkRecord>;

/** Undefined where the volume is no fork's. `problem`: the file is there and says nothing that can be used. */
export async function readForkRecord(
  path: string,
): Promise<{ record: ForkRecord } | { problem: string } | undefined> {
  try {
    const { data, error } = forkRecord.safeParse(JSON.parse((await readRegular(path, longest)).toString()));
    return data === undefined
      ? { problem: error.issues[0]?.message ?? 'not of its format' }
      : { record: data };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (error instanceof FileRefused || error instanceof SyntaxError) return { problem: error.message };
    throw error;
  }
}
