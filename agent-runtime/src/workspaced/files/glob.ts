import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import type { z } from 'zod';
import { PathPattern, PatternError, type Position } from '../../glob/path-pattern.ts';
import type { globRequest, globResult } from '../../protocol/tools-api.ts';
import { fileFailure, ToolFailure } from '../tool-failure.ts';
import type { Confinement } from './confinement.ts';

/** What is returned, what is looked at to find the newest, and for how long (ms). */
const limits = { paths: 100, candidates: 50_000, ms: 20_000 };

/** Folders that are rarely meant and often large; a pattern that names one searches it. */
const skipped = ['.git', 'node_modules'];

/** Files whose path matches, the most recently changed first. */
export async function findFiles(
  request: z.infer<typeof globRequest>,
  confinement: Confinement,
): Promise<z.infer<typeof globResult>> {
  const { root, pattern } = split(request.pattern, request.path ?? '~');
  const cwd = await confinement.forReading(root);
  const stats = await stat(cwd).catch((error: unknown) => {
    throw fileFailure(error, cwd);
  });
  if (!stats.isDirectory()) throw new ToolFailure('invalid', `${root} is not a directory`);
  const exclude = skipped.filter((name) => !`${cwd}/${pattern}`.split(/[/{},]/).includes(name));
  const until = performance.now() + limits.ms;
  const found: { path: string; modified: number }[] = [];
  let truncated = false;
  for await (const path of walk(cwd, compiled(pattern), exclude)) {
    // The walk tells of folders too, with nothing in it, so that a search that finds nothing also ends in time.
    if (found.length >= limits.candidates || performance.now() > until) {
      truncated = true;
      break;
    }
    const modified = path === undefined ? undefined : await modifiedAt(path);
    if (path !== undefined && modified !== undefined) found.push({ path, modified });
  }
  found.sort((a, b) => b.modified - a.modified || (a.path < b.path ? -1 : 1));
  return {
    paths: found.slice(0, limits.paths).map((file) => file.path),
    truncated: truncated || found.length > limits.paths,
  };
}

function compiled(pattern: string): PathPattern {
  try {
    return new PathPattern(pattern);
  } catch (error) {
    if (error instanceof PatternError) throw new ToolFailure('invalid', error.message, { cause: error });
    throw error;
  }
}

/** The paths below `root` that match and are no directories; `undefined` once for each folder read. Links are not followed. */
async function* walk(
  root: string,
  pattern: PathPattern,
  exclude: readonly string[],
): AsyncGenerator<string | undefined> {
  const folders: { path: string; position: Position }[] = [{ path: root, position: pattern.start() }];
  for (let folder = folders.pop(); folder; folder = folders.pop()) {
    yield undefined;
    for (const entry of await entriesOf(folder.path, root)) {
      if (exclude.includes(entry.name)) continue;
      const path = join(folder.path, entry.name);
      const { matched, next } = pattern.step(folder.position, entry.name);
      if (!entry.isDirectory() && matched) yield path;
      if (entry.isDirectory() && next) folders.push({ path, position: next });
    }
  }
}

/** A folder below the root that may not be read, or went away, holds nothing. */
async function entriesOf(path: string, root: string): Promise<Dirent[]> {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (path === root) throw fileFailure(error, path);
    return [];
  }
}

/** Moves the part of a pattern before its first wildcard into the folder to search, so that it is confined like any path. */
function split(pattern: string, path: string): { root: string; pattern: string } {
  if (pattern === '' || pattern.includes('\0'))
    throw new ToolFailure('invalid', 'the pattern is empty or holds a zero byte');
  const parts = pattern.split('/');
  const wild = parts.findIndex((part) => /[*?[\]{}()!+@\\]/.test(part));
  const fixed = parts.slice(0, wild < 0 ? -1 : wild).join('/');
  const rest = parts.slice(wild < 0 ? -1 : wild);
  if (rest.includes('..')) throw new ToolFailure('invalid', 'a pattern cannot go up after a wildcard');
  const absolute = isAbsolute(pattern) || pattern.startsWith('~/');
  const root = absolute ? fixed || '/' : [path, fixed].filter(Boolean).join('/');
  return { root, pattern: rest.join('/') };
}

/** Of a link that leads nowhere or a file that went away meanwhile: nothing. */
async function modifiedAt(path: string): Promise<number | undefined> {
  try {
    const stats = await stat(path);
    return stats.isDirectory() ? undefined : stats.mtimeMs;
  } catch {
    return undefined;
  }
}
