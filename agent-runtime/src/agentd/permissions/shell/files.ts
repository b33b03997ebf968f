import type { Word } from 'unbash';
import { literalPattern, PathPattern } from '../../../glob/path-pattern.ts';
import type { PermissionScope } from '../access.ts';
import type { Effort } from '../effort.ts';
import { resolvePath } from '../path-pattern.ts';
import type { ShellLine, WrittenCommand } from './line.ts';
import { runsOthers, unknownVariable } from './nested.ts';
import { anyPath, pathPatternsOf } from './path-argument.ts';
import { isCertain, textOf } from './text.ts';

/** Programs whose arguments are files that they read, and those that write them too. Others open what they like, unseen. */
const readers = new Set(
  (
    'cat head tail less more grep egrep fgrep rg sed awk gawk cut sort uniq wc diff cmp comm paste tac nl od xxd hexdump hd ' +
    'strings base64 base32 md5sum sha1sum sha256sum sha512sum b2sum cksum sum file stat source . jq yq bat view vim vi nano ex ed ' +
    'ln cp mv rsync scp install tar zip gzip gunzip zcat zgrep zless bzip2 bunzip2 bzcat xz unxz xzcat zstd zstdcat column fold ' +
    'fmt pr expand unexpand iconv rev join look shuf tsort split csplit dd tee curl wget openssl python python3 node ruby perl'
  ).split(' '),
);
const writers = new Set(
  (
    'tee cp mv rm rmdir unlink shred touch truncate sed dd ln install rsync chmod chown mkdir patch vim vi nano ex ed tar unzip ' +
    'gzip gunzip bzip2 bunzip2 xz unxz zstd split csplit curl wget'
  ).split(' '),
);

/** Those whose first operand is a text of their own language, or a pattern. */
const scripted = new Set('sed awk gawk grep egrep fgrep rg jq yq perl'.split(' '));

/** Those that open a file only behind `@` or some options, and whose other words are addresses and what is sent. */
const senders = new Set(['curl', 'wget']);
const opening =
  /^(?:-\w*[oOTKP]|--(?:output|output-document|output-dir|upload-file|config|directory-prefix))$/;

/** Options of the shell that change what its patterns match. */
const patternOptions = /dotglob|globstar|nocaseglob|extglob/;

/** Folders that a line may stand in; where there are more, or longer ones than there can be, it is any. */
const [mostFolders, longestFolder] = [32, 4096];

/**
 * Absolute paths of files that the commands of a line may open as their arguments, or that redirections open. Any, where it takes more than `effort` to say.
 */
export function touchedFiles(
  line: ShellLine,
  { cwd, home }: Pick<PermissionScope, 'cwd' | 'home'>,
  effort: Effort,
): { reads: PathPattern[]; writes: PathPattern[] } {
  const reads = new Set<string>(line.unread ? [anyPath] : []);
  const writes = new Set<string>(line.unread ? [anyPath] : []);
  const known = { variables: variablesOf(line), usual: !changesPatterns(line), effort };
  const named = (word: Word) => pathPatternsOf(word, known);
  const below = (folder: string, path: string) => resolvePath(path, folder, literalPattern(home));
  const folders = foldersOf(line, literalPattern(cwd), named, below);
  const lengthOfFolders = folders.join().length;
  const at = (path: string) =>
    effort.spend(lengthOfFolders + folders.length * path.length)
      ? folders.map((folder) => below(folder, path))
      : [anyPath];
  for (const command of line.commands) {
    const { isReader, isWriter, args } = openedBy(command);
    if (!isReader && !isWriter) continue;
    for (const path of args.flatMap(named).flatMap(at)) {
      if (isReader) reads.add(path);
      if (isWriter) writes.add(path);
    }
  }
  for (const opened of line.opened)
    for (const path of named(opened.target).flatMap(at)) {
      if (opened.reads) reads.add(path);
      if (opened.writes) writes.add(path);
    }
  return { reads: patterns(reads), writes: patterns(writes) };
}

/** Whether a command reads or writes files, and which of its words may name them. */
function openedBy({ words, args }: WrittenCommand): {
  isReader: boolean;
  isWriter: boolean;
  args: readonly Word[];
} {
  const names = words.map((word) => word.slice(word.lastIndexOf('/') + 1));
  const [program = ''] = names;
  if (!isCertain(program)) return { isReader: true, isWriter: true, args };
  const opens = (programs: ReadonlySet<string>) => (name: string) => programs.has(name);
  const own = { isReader: readers.has(program), isWriter: writers.has(program) };
  if (own.isReader || own.isWriter) return { ...own, args: withoutTexts(program, args) };
  // What another one runs, or may: `git diff FILE`.
  const [isReader, isWriter] = [names.some(opens(readers)), names.some(opens(writers))];
  return {
    isReader,
    isWriter,
    args: runsOthers(program) ? args : args.filter((arg) => isCertain(textOf(arg))),
  };
}

/** Without words that hold something unknown and are no file: what a program does with files, and what is sent. */
function withoutTexts(program: string, args: readonly Word[]): readonly Word[] {
  const isFile = (arg: Word, at: number) =>
    isCertain(textOf(arg)) || /@|^["']?file:/.test(arg.text) || opening.test(args[at - 1]?.value ?? '');
  if (senders.has(program)) return args.filter(isFile);
  const elsewhere = args.some(({ value }) => /^-(?:\w*[ef]|-(?:expression|file|regexp))/.test(value));
  if (!scripted.has(program) || elsewhere) return args;
  const script = args.findIndex(({ value }) => !value.startsWith('-'));
  return args.filter((arg, at) => at !== script || isCertain(textOf(arg)));
}

/** The working directory, and those that the line goes to: whether it does, and when, is not followed. */
function foldersOf(
  { commands, variables }: ShellLine,
  cwd: string,
  named: (word: Word) => string[],
  below: (folder: string, path: string) => string,
): readonly string[] {
  const folders = new Set([cwd]);
  for (const { words, args } of commands) {
    const at = words.findIndex((word) => word === 'cd' || word === 'pushd');
    const goes = at === 0 || (at === 1 && (words[0] === 'builtin' || words[0] === 'command'));
    const target = goes ? (args.slice(at).find(({ value }) => !/^-./.test(value)) ?? 'home') : chosen(args);
    if (target === undefined) continue;
    const paths = target === 'home' ? ['~'] : named(target);
    for (const folder of [...folders]) for (const path of paths) folders.add(below(folder, path));
    if (folders.size > mostFolders || variables.has('CDPATH')) return [anyPath];
  }
  return [...folders].some((folder) => folder.length > longestFolder) ? [anyPath] : [...folders];
}

/** The folder of `-C FOLDER`, as `env` and `tar` have it. */
function chosen(args: readonly Word[]): Word | undefined {
  const at = args.findIndex(({ value }) => value === '-C' || value === '--directory' || value === '--chdir');
  return at === -1 ? args.find(({ value }) => /^--(?:directory|chdir)=/.test(value)) : args[at + 1];
}

/** What the line sets, and what functions and scripts on it are given. */
function variablesOf({ variables, commands }: ShellLine): ReadonlyMap<string, readonly Word[]> {
  const given = commands.flatMap(({ args }) => args);
  const all = [...variables.values()].flat();
  const positional = ['@', '*', '_', ...'0123456789'].map((name): [string, readonly Word[]] => [name, given]);
  return new Map([...positional, ...variables, [unknownVariable, all]]);
}

function changesPatterns({ commands, variables }: ShellLine): boolean {
  const names = ['BASHOPTS', 'GLOBIGNORE'];
  return (
    names.some((name) => variables.has(name)) ||
    commands.some(
      ({ words }) =>
        words.some((word) => word === 'shopt' || /^[-+]O/.test(word)) &&
        words.some((word) => patternOptions.test(word) || !isCertain(word)),
    )
  );
}

function patterns(paths: Iterable<string>): PathPattern[] {
  return [...paths].map((path) => new PathPattern(path));
}
