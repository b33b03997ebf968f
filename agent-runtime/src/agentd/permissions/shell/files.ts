import type { Word } from 'unbash';
import { literalPattern, PathPattern } from '../../../glob/path-pattern.ts';
import type { PermissionScope } from '../access.ts';
import type { Effort } from '../effort.ts';
import { resolvePath } from '../path-pattern.ts';
import type { ShellLine } from './line.ts';
import { unknownVariable } from './nested.ts';
import { anyPath, pathPatternsOf } from './path-argument.ts';

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

/** Options of the shell, and a variable, that change what its patterns match. */
const patternOptions = /dotglob|globstar|nocaseglob|GLOBIGNORE/;

/** Folders that a line may stand in after `cd`; where there are more, it is any. */
const mostFolders = 16;

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
  const known = { variables: valuesOf(line), usual: !changesWhatPatternsMatch(line), effort };
  let folders = [literalPattern(cwd)];
  const at = (path: string) => folders.map((folder) => resolvePath(path, folder, literalPattern(home)));
  const pathsOf = (word: Word) => {
    const paths = pathPatternsOf(word, known).flatMap(namedBy).flatMap(at);
    return effort.spend(paths.join().length) ? paths : [anyPath];
  };
  for (const { words, args } of line.commands) {
    const names = words.map((word) => word.slice(word.lastIndexOf('/') + 1));
    if (names[0] === 'cd' || names[0] === 'pushd') {
      const to = args.find(({ value }) => !/^-./.test(value));
      const next = to === undefined ? at('~') : pathsOf(to);
      // Where nobody can say to where, it stays.
      if (next.length > 0) folders = next.length > mostFolders ? [anyPath] : next;
      continue;
    }
    const isReader = names.some((name) => readers.has(name));
    const isWriter = names.some((name) => writers.has(name));
    if (!isReader && !isWriter) continue;
    for (const path of args.flatMap(pathsOf)) {
      if (isReader) reads.add(path);
      if (isWriter) writes.add(path);
    }
  }
  // Where it stands after `cd` is not followed for these: both are looked at.
  folders = [literalPattern(cwd), ...folders];
  for (const opened of line.opened)
    for (const path of pathsOf(opened.target)) {
      if (opened.reads) reads.add(path);
      if (opened.writes) writes.add(path);
    }
  return { reads: patterns(reads), writes: patterns(writes) };
}

function valuesOf({ variables }: ShellLine): ReadonlyMap<string, readonly Word[]> {
  return new Map([...variables, [unknownVariable, [...variables.values()].flat()]]);
}

function changesWhatPatternsMatch({ texts, variables }: ShellLine): boolean {
  return [...texts, ...variables.keys()].some((text) => patternOptions.test(text));
}

/** FILE, `of=FILE`, `--file=FILE`, `@FILE` and `name=@FILE`. */
function namedBy(word: string): string[] {
  const value = word.slice(word.indexOf('=') + 1);
  return [...new Set([word, value, value.replace(/^@/, '')])].filter((path) => path !== '');
}

function patterns(paths: Iterable<string>): PathPattern[] {
  return [...paths].map((path) => new PathPattern(path));
}
