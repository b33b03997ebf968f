import { posix } from 'node:path';
import type { CollectResult } from '../../../protocol/tools-api.ts';
import type { CollectedFile, ContextSource } from '../source.ts';
import { type MemoryFile, maxFileBytes, memoryFile, ruleFile } from './file.ts';
import { importsOf } from './imports.ts';
import { type memoryNames, memoryRequest, rulesFolder } from './places.ts';

/** How far imports of imports are followed. */
const maxHops = 4;
/** Imported files in all. */
const maxImported = 200;

/** A folder's files in the order the model reads them: what is nearer to the work, and what is private to it, comes last. */
export interface Memory {
  files: MemoryFile[];
  /** Rules that are for some files only, with the folder that their patterns begin in. */
  scoped: { rule: MemoryFile; base: string }[];
  /** What is wrong with files, one sentence each. */
  problems: string[];
}

/**
 * The instructions of these folders, the nearest last. `~/.claude` holds those of the user, whose rules have their patterns
 * begin in `project`. One round trip, and one for each level of imports.
 */
export async function loadMemory(
  folders: readonly string[],
  project: string,
  source: ContextSource,
  /** Which of them are not read. */
  excludes: Promise<(path: string) => boolean>,
  /** Real paths of files that the model has anyway. */
  has: Iterable<string> = [],
): Promise<Memory> {
  const [collected, isExcluded] = await Promise.all([
    source.collect({ ...memoryRequest(folders), maxFileBytes }),
    excludes,
  ]);
  const memory: Memory = { files: [], scoped: [], problems: problemsOf(collected) };
  const known = new Set(has);
  for (const folder of folders) {
    const user = folder === source.home;
    for (const file of await filesOf(folder, collected, isExcluded, user)) {
      if (known.has(file.realPath)) continue;
      known.add(file.realPath);
      if (file.problem !== undefined) memory.problems.push(file.problem);
      if (file.paths === undefined) memory.files.push(file);
      else memory.scoped.push({ rule: file, base: user ? project : folder });
    }
  }
  memory.files = await withImports(memory.files, known, source);
  return memory;
}

/** In their order: `CLAUDE.md`, `.claude/CLAUDE.md` (the user's goes first), rules, `CLAUDE.local.md`. */
async function filesOf(
  folder: string,
  found: CollectResult,
  isExcluded: (path: string) => boolean,
  user: boolean,
): Promise<MemoryFile[]> {
  const isRead = ({ path }: CollectedFile) => !isExcluded(path);
  const named = (name: (typeof memoryNames)[number]) =>
    found.files.filter(({ path }) => path === posix.join(folder, name));
  const own = named('CLAUDE.md');
  const inner = named('.claude/CLAUDE.md');
  const main = user ? [...inner, ...own] : [...own, ...inner];
  const rules = found.files.filter(isRead).filter(({ path }) => path.startsWith(`${rulesFolder(folder)}/`));
  const plain = (files: CollectedFile[]) => files.filter(isRead).map((file) => memoryFile(file));
  return [
    ...plain(main.length > 0 ? main : named('AGENTS.md')),
    ...(await Promise.all(rules.map(ruleFile))),
    ...plain(named('CLAUDE.local.md')),
  ];
}

/** Each file, and after it those that it imports. A file that two import, or that imports itself, stands there once. */
async function withImports(
  files: readonly MemoryFile[],
  known: Set<string>,
  source: ContextSource,
): Promise<MemoryFile[]> {
  const children = new Map<MemoryFile, MemoryFile[]>();
  const asked = new Set(files.map((file) => file.path));
  let level = [...files];
  let imported = 0;
  for (let hop = 0; hop < maxHops && level.length > 0; hop += 1) {
    const wanted = new Map<string, MemoryFile>();
    for (const file of level) {
      for (const path of importsOf(file.text, file.path, source.home)) {
        if (asked.has(path) || imported + wanted.size >= maxImported) continue;
        asked.add(path);
        wanted.set(path, file);
      }
    }
    if (wanted.size === 0) break;
    imported += wanted.size;
    // A word that is no file looks like an import, so what cannot be read is no problem.
    const found = await source.collect({ files: [...wanted.keys()], folders: [], maxFileBytes });
    level = [];
    for (const file of found.files) {
      const importer = wanted.get(file.path);
      if (importer === undefined || known.has(file.realPath)) continue;
      known.add(file.realPath);
      const child = memoryFile(file, importer.path);
      children.set(importer, [...(children.get(importer) ?? []), child]);
      level.push(child);
    }
  }
  const flat = (file: MemoryFile): MemoryFile[] => [file, ...(children.get(file) ?? []).flatMap(flat)];
  return files.flatMap(flat);
}

function problemsOf({ problems, truncated }: CollectResult): string[] {
  const sentences = problems
    // Folders above that belong to somebody else.
    .filter(({ code }) => code !== 'outside_home')
    .map(({ path, message }) => (message.includes(path) ? message : `${path}: ${message}`));
  return truncated ? [...sentences, 'There are more files with instructions than are read.'] : sentences;
}
