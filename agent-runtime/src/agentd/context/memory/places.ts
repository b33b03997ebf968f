import { posix } from 'node:path';
import type { CollectRequest } from '../../../protocol/tools-api.ts';
import { isInside } from '../../permissions/path-pattern.ts';

/** The deepest that a folder may lie: beyond, those further up are not looked at. */
const maxDepth = 40;
/** How deep rules may lie in `.claude/rules`. */
const rulesDepth = 8;

/** The folders from the home down to `folder`, both included; outside of the home from the top, without `/` itself. */
export function foldersDownTo(folder: string, home: string): string[] {
  const folders: string[] = [];
  for (let at = folder; at !== '/' && folders.length < maxDepth; at = posix.dirname(at)) {
    folders.unshift(at);
    if (at === home) break;
  }
  return folders;
}

/** The folders below `top` down to those of the paths, each once, the upper ones first. */
export function foldersBelow(top: string, paths: Iterable<string>): string[] {
  const found = new Set<string>();
  for (const path of paths) {
    for (let at = path, depth = 0; isInside(at, top) && at !== top && depth < maxDepth; depth += 1) {
      found.add(at);
      at = posix.dirname(at);
    }
  }
  return [...found].sort();
}

export function rulesFolder(folder: string): string {
  return posix.join(folder, '.claude/rules');
}

/** The files that a folder may have instructions in, but for its rules. */
export const memoryNames = ['CLAUDE.md', '.claude/CLAUDE.md', 'AGENTS.md', 'CLAUDE.local.md'] as const;

/** What to read for the memory of these folders. */
export function memoryRequest(folders: readonly string[]): Pick<CollectRequest, 'files' | 'folders'> {
  return {
    files: folders.flatMap((folder) => memoryNames.map((name) => posix.join(folder, name))),
    folders: folders.map((folder) => ({ path: rulesFolder(folder), name: '*.md', depth: rulesDepth })),
  };
}
