import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ToolFailure } from '../tool-failure.ts';

/** How long the disk may take, in ms; the caller waits for a minute in all. */
const timeout = 45_000;

/** Writes the file systems of these folders to disk. Node has no `syncfs`, so this is the program `sync` (2 ms to start). */
export async function syncFolders(folders: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)('sync', ['-f', ...folders], { timeout });
  } catch (error) {
    throw new ToolFailure('io', `the volume cannot be synced: ${String(error)}`, { cause: error });
  }
}
