import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { forkSource } from '../../protocol/config.ts';

/** `fork.json` on the volume of a fork: which checkpoint of another workspace it goes on from, and since when. */
export const forkRecord = z.object({ version: z.literal(1), from: forkSource, at: z.iso.datetime() });
export type ForkRecord = z.infer<typeof forkRecord>;

/** Undefined where the volume is no fork's. Throws where the file is there and cannot be read. */
export async function readForkRecord(path: string): Promise<ForkRecord | undefined> {
  try {
    return forkRecord.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
