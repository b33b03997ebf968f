import { readdir, rm } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { Manifest } from '../checkpoint/manifest.ts';
import { syncFolder } from '../storage/durable-file.ts';
import type { Layout } from '../storage/layout.ts';

export type NamedLog = Extract<Manifest['files'][number], { kind: 'log' }>;

/** The files that sessions and subagents have. A manifest from elsewhere may name anything. */
const ofSession = /^(transcripts|inbox)\/[a-z0-9-]+(?:\/subagents\/agent-[a-z0-9]+)?\.jsonl$/;

/** The logs that a manifest names, by their path below `state`; those of no session that there can be are left out. */
export function namedLogs({ files }: Manifest): Map<string, NamedLog> {
  return new Map(
    files.flatMap((file) =>
      file.kind === 'log' && (ofSession.test(file.path) || file.path === 'background.jsonl')
        ? [[file.path, file] as const]
        : [],
    ),
  );
}

/** Removes, for good, what lies in a folder of logs and has none of these names. */
export async function removeOthers(
  layout: Layout,
  folder: 'transcripts' | 'inbox',
  logs: ReadonlyMap<string, NamedLog>,
): Promise<void> {
  const changed = new Set([layout[folder]]);
  for (const entry of await readdir(layout[folder], { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory() || logs.has(relative(layout.root, path))) continue;
    await rm(path);
    changed.add(dirname(path));
  }
  for (const each of changed) await syncFolder(each);
}
