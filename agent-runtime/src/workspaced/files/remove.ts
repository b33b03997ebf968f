import { readFile, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { z } from 'zod';
import type { removeRequest } from '../../protocol/tools-api.ts';
import { fileFailure } from '../tool-failure.ts';
import { syncDirectory } from './atomic-write.ts';
import type { Confinement } from './confinement.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { sha256 } from './text.ts';
import { checkUnchanged } from './write.ts';

/** Removes a file that still is what its reader saw. Resolves when that is on disk. */
export async function removeFile(
  { path: asked, expectedHash }: z.infer<typeof removeRequest>,
  confinement: Confinement,
): Promise<Record<string, never>> {
  const path = await confinement.forWriting(asked);
  return oneAtATime(path, async () => {
    try {
      checkUnchanged(path, expectedHash, sha256(await readFile(path)));
      await unlink(path);
      await syncDirectory(dirname(path));
      return {};
    } catch (error) {
      throw fileFailure(error, path);
    }
  });
}
