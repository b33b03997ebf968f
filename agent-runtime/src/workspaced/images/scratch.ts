import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { removeTree } from '../files/remove-tree.ts';
import type { Log } from '../log.ts';

/**
 * Empties folders such as `/tmp` that lie on the volume for the sake of images: without images a wake finds them empty, as in a
 * container of its own. What cannot be removed stays: the tools must come up.
 */
export async function emptyScratch(folders: readonly string[], log: Log): Promise<void> {
  for (const folder of folders) {
    for (const name of await readdir(folder)) {
      const path = join(folder, name);
      await removeTree(path).catch((error: unknown) => log.warn('cannot be removed', { path, error }));
    }
  }
}
