import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import type { FilesRewound } from '../../protocol/state.ts';
import { bytesResult, readResult, writeResult } from '../../protocol/tools-api.ts';
import { ToolRefused } from '../tools/tools-client.ts';
import type { TranscriptEntry } from './entry.ts';
import type { SessionHost } from './host.ts';

/** Bytes of a file that is kept before a tool changes it. */
const mostKept = 1024 * 1024;
const absent = 'absent';
const notKept = 'not kept';

/** What a file is before a tool changes it, for the entry of the result: the hash of what is kept on disk, or why nothing is. */
export async function keepBefore(
  path: string,
  { client, fileHistory, log }: SessionHost,
  signal: AbortSignal,
): Promise<string> {
  const content = await contentOf(path, { client }, signal);
  if (content === absent) return absent;
  if (content === notKept || !isUtf8(content)) return notKept;
  try {
    return await fileHistory.keep(content);
  } catch (error) {
    // A full volume: whether the change itself fails is for the tool to see.
    log.warn({ path, err: error }, 'what a file was before a change could not be kept');
    return notKept;
  }
}

/** A file that tools changed, from the first change to the last. */
export interface ChangedFile {
  path: string;
  /** As {@link keepBefore} said of the first. */
  before: string;
  /** The hash that the last one left. */
  after: string;
}

/** The files that the tools of these entries changed, in the order of the entries. */
export function changedFiles(entries: readonly TranscriptEntry[]): ChangedFile[] {
  const files = new Map<string, ChangedFile>();
  for (const { toolUseResult } of entries) {
    const { path, hash, before } = toolUseResult ?? {};
    if (path === undefined || hash === undefined || before === undefined) continue;
    const known = files.get(path);
    if (known === undefined) files.set(path, { path, before, after: hash });
    else known.after = hash;
  }
  return [...files.values()];
}

/**
 * Has each file be again what it was. One that somebody else changed since is left alone and named. The same again, after a crash,
 * comes to the same. Rejects with `ToolsUnavailable` and the signal's reason.
 */
export async function restoreFiles(
  files: readonly ChangedFile[],
  host: Pick<SessionHost, 'client' | 'fileHistory'>,
  signal: AbortSignal,
): Promise<FilesRewound> {
  const done: FilesRewound = { restored: [], removed: [], left: [] };
  for (const file of files) {
    try {
      if (file.before === absent) {
        await remove(file, host, signal);
        done.removed.push(file.path);
      } else {
        const content = file.before === notKept ? undefined : await host.fileHistory.read(file.before);
        if (content === undefined) {
          done.left.push({
            path: file.path,
            reason: 'what it was is not kept: it was too large, no text, or too long ago',
          });
          continue;
        }
        await restore(file, content, host, signal);
        done.restored.push(file.path);
      }
    } catch (error) {
      if (!(error instanceof ToolRefused)) throw error;
      const reason = error.code === 'changed' ? 'something else has changed it since' : error.message;
      done.left.push({ path: file.path, reason });
    }
  }
  return done;
}

async function restore(
  { path, before, after }: ChangedFile,
  content: Buffer,
  { client }: Pick<SessionHost, 'client'>,
  signal: AbortSignal,
): Promise<void> {
  const body = { path, content: content.toString('utf8'), expectedHash: after };
  try {
    await client.call('POST', '/files/write', body, writeResult, { signal });
  } catch (error) {
    // What it should be it may be already.
    if (!(error instanceof ToolRefused) || error.code !== 'changed') throw error;
    const { hash } = await client.call('POST', '/files/bytes', { path, maxBytes: mostKept }, bytesResult, {
      signal,
    });
    if (hash !== before) throw error;
  }
}

async function remove(
  { path, after }: ChangedFile,
  { client }: Pick<SessionHost, 'client'>,
  signal: AbortSignal,
): Promise<void> {
  if ((await contentOf(path, { client }, signal)) === absent) return;
  await client.call('POST', '/files/remove', { path, expectedHash: after }, z.object({}), { signal });
}

/** The content of a file as it is now; `not kept`: it is none that could be kept. */
async function contentOf(
  path: string,
  { client }: Pick<SessionHost, 'client'>,
  signal: AbortSignal,
): Promise<Buffer | typeof absent | typeof notKept> {
  try {
    const body = { path, maxBytes: mostKept };
    const { base64 } = await client.call('POST', '/files/bytes', body, bytesResult, { signal });
    return Buffer.from(base64, 'base64');
  } catch (error) {
    if (!(error instanceof ToolRefused)) throw error;
    return error.code === 'not_found' && (await isAbsent(path, { client }, signal)) ? absent : notKept;
  }
}

/** Asked in another way: an older `workspaced` may not have the first one, and says `not_found` of that too. */
async function isAbsent(
  path: string,
  { client }: Pick<SessionHost, 'client'>,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await client.call('POST', '/files/read', { path, limit: 1 }, readResult, { signal });
    return false;
  } catch (error) {
    if (!(error instanceof ToolRefused)) throw error;
    return error.code === 'not_found';
  }
}

/** The hashes of files as this session last saw them, from the results in its transcript. */
export function seenFiles(entries: readonly TranscriptEntry[]): Map<string, string> {
  const seen = new Map<string, string>();
  for (const { toolUseResult } of entries) {
    if (toolUseResult?.path !== undefined && toolUseResult.hash !== undefined)
      seen.set(toolUseResult.path, toolUseResult.hash);
  }
  return seen;
}
