import { posix } from 'node:path';
import { isInside } from '../../permissions/path-pattern.ts';
import { isForOneOf } from '../paths.ts';
import type { MemoryFile } from './file.ts';

/** Files of instructions that the model has been told of, and the work that led there; none where the conversation opens with them. */
export interface Loaded {
  files: readonly MemoryFile[];
  touched: readonly string[];
  /** Of rules that are for some files only: where their patterns begin. */
  bases: ReadonlyMap<MemoryFile, string>;
}

/** What the hook InstructionsLoaded is told of one file, by the documented names. */
export interface LoadedInstructions {
  file_path: string;
  memory_type: 'User' | 'Project' | 'Local';
  load_reason: 'session_start' | 'compact' | 'nested_traversal' | 'path_glob_match' | 'include';
  globs?: readonly string[];
  trigger_file_path?: string;
  parent_file_path?: string;
}

/** One for each file that has instructions. An `AGENTS.md` is theirs alone where a `CLAUDE.md` imports it. */
export function loadedInstructions(
  { files, touched, bases }: Loaded,
  reason: 'session_start' | 'compact' | 'nested_traversal',
  home: string,
): LoadedInstructions[] {
  return files
    .filter(
      ({ path, text, importedBy }) =>
        text !== '' && (importedBy !== undefined || posix.basename(path) !== 'AGENTS.md'),
    )
    .map((file) => {
      const base = bases.get(file);
      const trigger = touched.find((path) =>
        base === undefined ? isInside(path, folderOf(file)) : isForOneOf(file.paths, base, [path]),
      );
      return {
        file_path: file.path,
        memory_type: typeOf(file, home),
        load_reason:
          file.importedBy !== undefined ? 'include' : base !== undefined ? 'path_glob_match' : reason,
        ...(base !== undefined && file.globs !== undefined && { globs: file.globs }),
        ...(trigger !== undefined && { trigger_file_path: trigger }),
        ...(file.importedBy !== undefined && { parent_file_path: file.importedBy }),
      };
    });
}

/** The folder that its instructions are for. */
function folderOf({ path, importedBy = path }: MemoryFile): string {
  return importedBy.replace(/\/(?:\.claude\/.*|[^/]*)$/, '') || '/';
}

function typeOf({ path }: MemoryFile, home: string): LoadedInstructions['memory_type'] {
  if (isInside(path, posix.join(home, '.claude'))) return 'User';
  return posix.basename(path) === 'CLAUDE.local.md' ? 'Local' : 'Project';
}
