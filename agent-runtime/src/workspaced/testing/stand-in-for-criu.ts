import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Writes a program that stands in for criu where there is no right to run it: a dump stops the processes and writes a file that says
 * which; a restore lets them go on, as long as the test kept them alive. Where `fail-dump` or `fail-restore` lies beside it, it
 * complains with what that file holds; only of the images that `fail-only` names a part of, if that is there. Answers its path.
 */
export async function standInForCriu(folder: string): Promise<string> {
  const path = join(folder, 'criu');
  await writeFile(path, script);
  await chmod(path, 0o755);
  return path;
}

const script = `#!/bin/bash
here=$(dirname "$0") what=$1
while (($#)); do
  case $1 in -t) pid=$2 ;; -D) into=$2 ;; -o) log=$2 ;; esac
  shift
done
if [[ -e $here/fail-$what && $into == *$(cat "$here/fail-only" 2>/dev/null)* ]]; then
  cat "$here/fail-$what" >"$into/$log"
  exit 1
fi
tree() {
  local child
  echo "$1"
  for child in $(pgrep -P "$1"); do tree "$child"; done
}
if [[ $what == dump ]]; then
  kill -STOP $(tree "$pid")
  echo "$pid" >"$into/pages-1.img"
else
  kill -CONT $(tree "$(cat "$into/pages-1.img")")
fi
`;
