import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Empties folders such as `/tmp` that lie on the volume for the sake of images: without images a wake finds them empty, as in a
 * container of its own.
 */
export async function emptyScratch(folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true });
  }
}
