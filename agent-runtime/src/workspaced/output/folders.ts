import { chmod, lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { kindOf } from '../../regular-file/regular-file.ts';
import { removeTree } from '../files/remove-tree.ts';
import type { Log } from '../log.ts';
import { absent } from './retention.ts';

/** The folders that `workspaced` keeps on the volume. Tools can write there too. */
const names = ['background', 'services', 'outputs', 'images'];

/**
 * Makes way before a start: what has the name of one of the folders and is none is removed, and a folder that may not be entered may be
 * again. Otherwise a link, a pipe or a mode that a tool left would keep all tools from coming up.
 */
export async function restoreFolders(root: string, log: Log): Promise<void> {
  for (const name of names) {
    const path = join(root, name);
    const stats = await lstat(path).catch(absent);
    if (stats === undefined) continue;
    if (!stats.isDirectory()) {
      log.warn('not a folder: removed', { path, is: kindOf(stats) });
      await removeTree(path);
    } else if ((stats.mode & 0o700) !== 0o700) {
      log.warn('a folder that cannot be used: mode changed', { path, mode: stats.mode & 0o777 });
      await chmod(path, 0o750);
    }
  }
}
