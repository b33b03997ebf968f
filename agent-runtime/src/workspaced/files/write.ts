import { mkdir, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { z } from 'zod';
import type { writeRequest, writeResult } from '../../protocol/tools-api.ts';
import { absent } from '../output/retention.ts';
import { fileFailure, ToolFailure } from '../tool-failure.ts';
import { writeDurably } from './atomic-write.ts';
import type { Confinement } from './confinement.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { sha256 } from './text.ts';

/** Writes a whole file, through links, keeping the mode of one that exists; makes the folders above it. */
export async function writeWhole(
  request: z.infer<typeof writeRequest>,
  confinement: Confinement,
): Promise<z.infer<typeof writeResult>> {
  const path = await confinement.forWriting(request.path);
  return oneAtATime(path, () => replaceWhole(path, request));
}

async function replaceWhole(
  path: string,
  request: z.infer<typeof writeRequest>,
): Promise<z.infer<typeof writeResult>> {
  try {
    const existing = await stat(path).catch(absent);
    if (existing?.isDirectory()) throw new ToolFailure('is_directory', `${path} is a directory`);
    if (existing && !existing.isFile()) throw new ToolFailure('invalid', `${path} is not a regular file`);
    if (request.expectedHash !== undefined) {
      const hash = existing ? sha256(await readFile(path)) : undefined;
      checkUnchanged(path, request.expectedHash, hash);
    }
    await mkdir(dirname(path), { recursive: true });
    const content = Buffer.from(request.content);
    await writeDurably(path, content, existing && existing.mode & 0o7777);
    return { created: !existing, bytes: content.length, hash: sha256(content) };
  } catch (error) {
    throw fileFailure(error, path);
  }
}

/** Throws `changed` unless the file still is what its reader saw. */
export function checkUnchanged(path: string, expected: string | undefined, actual: string | undefined): void {
  if (expected === undefined || expected === actual) return;
  throw new ToolFailure('changed', `${path} has changed since it was read: read it again first`);
}
