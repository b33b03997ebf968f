import type { PermissionScope } from '../access.ts';
import { resolvePath } from '../path-pattern.ts';
import type { ShellLine } from './line.ts';
import { isCertain } from './text.ts';

/** Programs whose arguments are files that they read, and those that write them too. Others open what they like, unseen. */
const readers = new Set(
  (
    'cat head tail less more grep egrep fgrep rg sed awk gawk cut sort uniq wc diff cmp comm paste tac nl od xxd hexdump ' +
    'strings base64 base32 md5sum sha1sum sha256sum file stat source . jq yq bat view vim vi nano ln cp mv rsync scp tar zip ' +
    'gzip zcat zgrep column fold rev tee python python3 node ruby perl'
  ).split(' '),
);
const writers = new Set(
  'tee cp mv rm rmdir unlink shred touch truncate sed dd ln install rsync chmod chown mkdir patch vim vi nano ed tar unzip'.split(
    ' ',
  ),
);

/** Absolute paths of files that the commands of a line name as their arguments, or that redirections open. */
export function touchedFiles(
  line: ShellLine,
  { cwd, home }: Pick<PermissionScope, 'cwd' | 'home'>,
): { reads: string[]; writes: string[] } {
  const reads: string[] = [];
  const writes: string[] = [];
  let folder = cwd;
  const at = (path: string) => resolvePath(path, folder, home);
  for (const { words } of line.commands) {
    const names = words.map((word) => word.slice(word.lastIndexOf('/') + 1));
    if ((names[0] === 'cd' || names[0] === 'pushd') && isCertain(words[1] ?? '')) {
      folder = at(words[1] ?? '~');
      continue;
    }
    // `dd of=FILE`, `--file=FILE` and FILE itself.
    const named = words.slice(1).flatMap((word) => [word, word.slice(word.indexOf('=') + 1)]);
    const paths = [...new Set(named)].filter((word) => isCertain(word) && word !== '').map(at);
    if (names.some((name) => readers.has(name))) reads.push(...paths);
    if (names.some((name) => writers.has(name))) writes.push(...paths);
  }
  // Where it stands after `cd` is not followed for these: both are looked at.
  for (const folderOf of new Set([cwd, folder])) {
    reads.push(...line.reads.map((path) => resolvePath(path, folderOf, home)));
    writes.push(...line.writes.map((path) => resolvePath(path, folderOf, home)));
  }
  return { reads, writes };
}
