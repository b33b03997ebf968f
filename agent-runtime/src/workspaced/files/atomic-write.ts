import { randomUUID } from 'node:crypto';
import { open, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { unlinkIfThere } from '../output/retention.ts';

/**
 * Replaces a file so that a reader, or a crash at any moment, finds the old or the new content, whole. Resolves when the new
 * one is on disk. `mode`: of the new file, exactly; without it the umask decides.
 */
export async function writeDurably(path: string, content: string | Uint8Array, mode?: number): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path).slice(0, 100)}.${randomUUID().slice(0, 8)}.tmp`);
  try {
    {
      await using file = await open(temporary, 'wx');
      if (mode !== undefined) await file.chmod(mode);
      await file.writeFile(content);
      await file.sync();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlinkIfThere(temporary);
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Makes names that were created, renamed or removed in a folder survive a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, 'r');
  await directory.sync();
}
