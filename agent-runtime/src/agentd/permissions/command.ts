import type { PathPattern } from '../../glob/path-pattern.ts';
import type { Access, PermissionScope } from './access.ts';
import { Effort } from './effort.ts';
import { isOfFiles, type Rule } from './rule.ts';
import { touchedFiles } from './shell/files.ts';
import { bashPatterns, mayMatch } from './shell/glob.ts';
import { firstHeld } from './shell/holds.ts';
import { parseShellLine, type ShellCommand } from './shell/line.ts';
import { unfolded } from './shell/nested.ts';
import { anything, textOf } from './shell/text.ts';
import { wrapperLength } from './shell/wrappers.ts';
import { meetsPath } from './speaks.ts';

export type FileAccess = Extract<Access, { path: string }>;

/**
 * Whether the specifiers of allow rules cover every part of a command line. Only a line of plain commands is covered: what
 * does not parse, substitutes, assigns or branches is not. A file that a redirection opens must be allowed as such.
 */
export function allowsCommand(
  command: string,
  specs: readonly string[],
  allowsFile: (access: FileAccess) => boolean,
): boolean {
  const { plain, opened } = parseShellLine(command);
  if (plain?.some(evaluates) !== false) return false;
  const moves = plain.some(({ words }) => /^(?:cd|pushd|popd)$/.test(words[0] ?? ''));
  // After `cd` a relative path is another one.
  const files = opened.map(({ target, ...how }) => ({ path: textOf(target), ...how }));
  if (moves && files.some(({ path }) => !/^[/~]/.test(path))) return false;
  const effort = new Effort();
  return (
    plain.every(({ source, words }) => {
      const from = wrapperLength(words);
      // Both as it stands there and as the program gets it: quotes neither hide nor make a match.
      const texts = [source, words].map((each) => each.slice(from).join(' ').replace(/\s+/g, ' '));
      return specs.some((spec) => {
        const patterns = bashPatterns(spec);
        return texts.every((text) => patterns.some((pattern) => surelyMatches(pattern, text, effort)));
      });
    }) &&
    files.every(
      ({ path, reads, writes }) =>
        (!reads || allowsFile({ kind: 'read', tool: 'Bash', path })) &&
        (!writes || allowsFile({ kind: 'edit', tool: 'Bash', path })),
    )
  );
}

const evaluators = new Set(
  'printf test [ read unset declare typeset local export readonly let mapfile readarray getopts wait'.split(
    ' ',
  ),
);

/** Whether a builtin takes the index of an array from a text, and so runs the substitutions in it: `printf -v 'a[$(x)]'`. */
function evaluates({ words: [program = '', ...args] }: ShellCommand): boolean {
  return evaluators.has(program) && args.some((arg) => /\[.*(?:\$\(|`)/s.test(arg));
}

/** What is not known matches a `*` of the pattern, and nothing else. */
function surelyMatches(pattern: string, text: string, effort: Effort): boolean {
  // No pattern holds this character, so only a `*` can take it.
  const known = text.replaceAll(anything, '\u0001');
  return mayMatch(pattern, known, 0, effort) && effort.spend(0);
}

/** The files that a command line plainly names, as far as their programs are known to open them. */
export function namedFiles(command: string, scope: PermissionScope): FileAccess[] {
  const { reads, writes } = touchedFiles(unfolded(command), scope, new Effort());
  const plain = ({ only }: PathPattern) => (only === undefined ? [] : `/${only}`);
  return [
    ...reads.flatMap(plain).map((path): FileAccess => ({ kind: 'read', tool: 'Read', path })),
    ...writes.flatMap(plain).map((path): FileAccess => ({ kind: 'edit', tool: 'Edit', path })),
  ];
}

/** The first of some deny or ask rules that speaks of a command line: of a command in it, or of a file that one may open by what it says. */
export function commandRule(
  command: string,
  rules: readonly Rule[],
  scope: PermissionScope,
): Rule | undefined {
  const ofCommands = rules.filter(
    ({ tool, spec }) => spec !== undefined && ['Bash', 'Monitor', '*'].includes(tool),
  );
  const ofFiles = rules.filter(isOfFiles);
  if (ofCommands.length + ofFiles.length === 0) return undefined;
  const line = unfolded(command);
  const held =
    ofCommands.length > 0 &&
    firstHeld(
      line,
      ofCommands.map(({ spec }) => spec ?? ''),
    );
  if (typeof held === 'string') return ofCommands.find(({ spec }) => spec === held);
  if (ofFiles.length === 0) return undefined;
  const effort = new Effort();
  const files = touchedFiles(line, scope, effort);
  return ofFiles.find(({ tool, spec = '' }) =>
    meetsPath(spec, tool === 'Read' ? files.reads : files.writes, scope, effort),
  );
}
