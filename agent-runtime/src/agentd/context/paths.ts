import { posix } from 'node:path';
import { PathPattern, PatternError } from '../../glob/path-pattern.ts';
import { isInside } from '../permissions/path-pattern.ts';

/** What the field `paths` of a frontmatter says: which files a rule or skill is for. */
export interface Paths {
  /** Absent: all of them. */
  patterns?: readonly PathPattern[];
  /** As they are written. */
  globs?: readonly string[];
  /** What is wrong with one of them, which then matches nothing. */
  problem?: string;
}

/** Reads the field as YAML gave it: a list, or a text with commas. */
export function parsePaths(field: unknown): Paths {
  const globs = [field ?? []].flat().flatMap((it) => (typeof it === 'string' ? splitList(it) : []));
  if (globs.length === 0) return {};
  const patterns: PathPattern[] = [];
  let problem: string | undefined;
  for (const glob of globs) {
    try {
      patterns.push(new PathPattern(glob.replace(/^\.?\//, '')));
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      problem = `${error.message}; it matches nothing: ${glob.slice(0, 100)}`;
    }
  }
  return { patterns, globs, ...(problem !== undefined && { problem }) };
}

/** Whether one of these files, absolute, lies in `base` and matches. */
export function isForOneOf(
  patterns: readonly PathPattern[] | undefined,
  base: string,
  files: Iterable<string>,
): boolean {
  for (const file of files) {
    if (!isInside(file, base) || file === base) continue;
    const relative = posix.relative(base, file);
    if (patterns?.some((pattern) => pattern.matches(relative))) return true;
  }
  return false;
}

/** Splits at commas that stand outside of braces. */
function splitList(text: string): string[] {
  return text
    .slice(0, 4096)
    .split(/,(?![^{}]*\})/)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
