import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes names that were created, renamed or removed in `folder` survive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes a new file and fsyncs it; on failure nothing is left of it. Its name is durable only after `syncFolder`. */
export async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  // What a crash left of an earlier one goes; so does a link, which would be written through.
  await rm(path, { force: true });
  const handle = await open(path, 'wx', 0o640);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } catch (error) {
    await handle.close();
    await rm(path, { force: true });
    throw error;
  }
  await handle.close();
}

/** Replaces `path` by `bytes` so that a crash leaves the old or the new, never a part. */
export async function replaceDurably(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`;
  await writeDurably(temporary, bytes);
  await rename(temporary, path);
  await syncFolder(dirname(path));
}
