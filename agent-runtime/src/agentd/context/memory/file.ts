import { createHash } from 'node:crypto';
import type { PathPattern } from '../../../glob/path-pattern.ts';
import { splitFrontmatter } from '../frontmatter.ts';
import { withoutComments } from '../markdown.ts';
import { parsePaths } from '../paths.ts';
import type { CollectedFile } from '../source.ts';

/** Characters of one file that the model is shown; a good one has a tenth. */
export const maxFileChars = 40_000;
/** What is read of one file: as many characters, of four bytes each. */
export const maxFileBytes = maxFileChars * 4;

/** A file of instructions as the model is told of it. */
export interface MemoryFile {
  path: string;
  realPath: string;
  text: string;
  /** Bytes of the file, where it is longer than what is shown of it. */
  cutFrom?: number;
  /** The file that imports it. */
  importedBy?: string;
  /** Of a rule with `paths`: what it is for. */
  paths?: readonly PathPattern[];
  globs?: readonly string[];
  /** What is wrong with it, in a sentence that names the file and the line. */
  problem?: string;
}

export function memoryFile(
  { path, realPath, content, bytes, truncated }: CollectedFile,
  importedBy?: string,
): MemoryFile {
  const text = withoutComments(content).trim();
  const cut = truncated || text.length > maxFileChars;
  return {
    path,
    realPath,
    text: text.slice(0, maxFileChars).toWellFormed(),
    ...(cut && { cutFrom: bytes }),
    ...(importedBy !== undefined && { importedBy }),
  };
}

/** A file of `.claude/rules`, which may say in its frontmatter which paths it is for. */
export async function ruleFile(file: CollectedFile): Promise<MemoryFile> {
  const { fields, body, problem } = await splitFrontmatter(file.content);
  const rule = memoryFile({ ...file, content: body });
  if (problem !== undefined) {
    return { ...rule, problem: `${file.path}:${problem.line}: ${problem.message}. It counts for all files.` };
  }
  const { patterns: paths, globs = [], problem: unusable } = parsePaths(fields.paths);
  if (paths === undefined) return rule;
  const about = unusable === undefined ? {} : { problem: `${file.path}: ${unusable}` };
  return { ...rule, paths, globs, ...about };
}

/** What says whether a file is as the model was told of it. */
export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
