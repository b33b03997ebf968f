import type { TranscriptEntry } from '../session/entry.ts';
import { foldersDownTo } from './memory/places.ts';

/** What reminders have told: path to the hash of the newest text. */
export function toldFiles(entries: readonly TranscriptEntry[]): Map<string, string> {
  const told = new Map<string, string>();
  for (const { contextFiles } of entries)
    for (const { path, hash } of contextFiles ?? []) told.set(path, hash);
  return told;
}

/**
 * The folders that a session has skills from, in the order that decides which of two has a name: the home, those down to the
 * project, those that reminders have told of, and `also`.
 */
export function skillFolders(
  entries: readonly TranscriptEntry[],
  project: string,
  home: string,
  also: readonly string[],
): string[] {
  const told = [...toldFiles(entries).keys()].flatMap(
    (path) => /^(.*)\/\.claude\/(?:skills|commands)\//.exec(path)?.[1] ?? [],
  );
  return [...new Set([home, ...foldersDownTo(project, home), ...told, ...also])];
}

/** Where the work has been since the model last answered: the files that tools touched, and working directories. */
export function touchedSince(entries: readonly TranscriptEntry[]): {
  files: Set<string>;
  folders: Set<string>;
} {
  const answer = entries.findLastIndex((entry) => entry.message.role === 'assistant');
  const recent = entries.slice(answer + 1);
  return {
    files: new Set(recent.flatMap((entry) => entry.toolUseResult?.path ?? [])),
    folders: new Set(recent.map((entry) => entry.cwd)),
  };
}
