import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Files that are flushed at the same time. */
const parallel = 16;

/** Flushes every file and folder below a folder to the disk. What was written there a moment ago outlives a power cut then. */
export async function syncTree(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  const files = entries.filter((each) => each.isFile()).map(({ name }) => join(folder, name));
  await Promise.all(
    Array.from({ length: Math.min(parallel, files.length) }, async () => {
      for (let file = files.pop(); file !== undefined; file = files.pop()) await sync(file);
    }),
  );
  for (const each of entries) if (each.isDirectory()) await syncTree(join(folder, each.name));
  await sync(folder);
}

async function sync(path: string): Promise<void> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    // Its owner took its own right to read it away; then nobody writes it here again either.
    if ((error as NodeJS.ErrnoException).code === 'EACCES') return;
    throw error;
  }
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
