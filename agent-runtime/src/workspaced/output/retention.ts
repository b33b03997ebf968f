import { readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode } from '../tool-failure.ts';

export interface StoredOutput {
  path: string;
  bytes: number;
  /** Milliseconds since the epoch. */
  modified: number;
}

export interface RetentionLimits {
  files: number;
  bytes: number;
}

/** Which of the stored outputs go, the oldest first, so that the rest is within both limits. */
export function surplus(stored: readonly StoredOutput[], limits: RetentionLimits): StoredOutput[] {
  let files = 0;
  let bytes = 0;
  return stored
    .toSorted((a, b) => b.modified - a.modified)
    .filter((output) => {
      files += 1;
      bytes += output.bytes;
      return files > limits.files || bytes > limits.bytes;
    });
}

/** Deletes the oldest outputs of a folder beyond the limits. A folder that does not exist holds nothing. */
export async function pruneOutputs(folder: string, limits: RetentionLimits): Promise<void> {
  for (const output of surplus(await storedOutputs(folder), limits)) await unlinkIfThere(output.path);
}

async function storedOutputs(folder: string): Promise<StoredOutput[]> {
  const stored: StoredOutput[] = [];
  for (const name of await namesIn(folder)) {
    const path = join(folder, name);
    const stats = await stat(path).catch(absent);
    if (stats?.isFile()) stored.push({ path, bytes: stats.size, modified: stats.mtimeMs });
  }
  return stored;
}

/** The names in a folder; none where there is no folder. */
export async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(absent)) ?? [];
}

export async function unlinkIfThere(path: string): Promise<void> {
  await unlink(path).catch(absent);
}

/** For `catch`: what does not exist is `undefined`; every other error stays one. */
export function absent(error: unknown): undefined {
  if (systemErrorCode(error) !== 'ENOENT') throw error;
}
