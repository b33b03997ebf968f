import { posix } from 'node:path';
import { isInside } from '../../permissions/path-pattern.ts';
import type { MemoryFile } from './file.ts';

/** Characters of all files together that the model is shown at once. */
const maxChars = 160_000;

/** The files with what each is, within the limit; and what the limit left out. */
export function describeMemory(files: readonly MemoryFile[], home: string): string[] {
  const parts: string[] = [];
  const leftOut: string[] = [];
  let chars = 0;
  for (const file of files) {
    if (file.text === '') continue;
    if (chars + file.text.length > maxChars) {
      leftOut.push(file.path);
      continue;
    }
    chars += file.text.length;
    parts.push(`Contents of ${file.path} (${kindOf(file, home)}):`, file.text);
    if (file.cutFrom !== undefined) {
      parts.push(
        `[Cut: ${file.path} has ${file.cutFrom} bytes, more than is shown of such a file. Read it for the rest.]`,
      );
    }
  }
  if (leftOut.length > 0) {
    parts.push(
      `[Left out, as files with instructions have more than ${maxChars} characters together: ${leftOut.join(', ')}. Read them when they bear on the task.]`,
    );
  }
  return parts;
}

/** Sentences about files that are wrong, for the model to pass on. */
export function describeProblems(problems: readonly string[]): string {
  if (problems.length === 0) return '';
  const shown = problems.slice(0, 20).map((problem) => `- ${problem}`);
  if (problems.length > shown.length) shown.push(`- and ${problems.length - shown.length} more`);
  return ['These files are not as they should be. Say so when it bears on the task:', ...shown].join('\n');
}

function kindOf(file: MemoryFile, home: string): string {
  if (file.importedBy !== undefined) return `imported by ${file.importedBy}`;
  if (isInside(file.path, posix.join(home, '.claude'))) return "the user's own instructions for all projects";
  if (posix.basename(file.path) === 'CLAUDE.local.md') return "the user's own instructions for this project";
  return "the project's instructions";
}
