import { posix } from 'node:path';
import { resolvePath } from '../../permissions/path-pattern.ts';
import { proseOf } from '../markdown.ts';

/** Imports of one file that are followed. */
const maxImports = 100;

/**
 * The absolute paths that a memory file imports with `@path`, in their order: relative ones from its own folder, `~` from
 * the home. Not those in code. What is no file (`@somebody`, `@scope/package`) is found out by reading it.
 */
export function importsOf(text: string, file: string, home: string): string[] {
  const found = new Set<string>();
  for (const prose of proseOf(text)) {
    for (const [, written = ''] of prose.matchAll(/(?<![^\s([{"'*_])@((?:\\ |[^\s\\`]){1,1024})/g)) {
      const path = written.replaceAll('\\ ', ' ').replace(/[.,:;!?)\]}"'*_]+$/, '');
      if (path !== '') found.add(resolvePath(path, posix.dirname(file), home));
      if (found.size === maxImports) return [...found];
    }
  }
  return [...found];
}
