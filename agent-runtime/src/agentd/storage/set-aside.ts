import { randomUUID } from 'node:crypto';
import { copyFile, lstat, open, readdir, rename } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Logger } from 'pino';
import { kindOf } from '../../regular-file/regular-file.ts';
import { syncFolder } from './durable-file.ts';
import type { Layout } from './layout.ts';
import { largestLog } from './scan-log.ts';

/**
 * Before anything on the volume is opened: what `agentd` would never have put there gets another name, so that nothing is read or
 * written through it and nothing waits for it. A volume may come from elsewhere (a fork, a copy that was restored), and then whoever
 * made it chose what lies there: a link out of the volume in place of a log, a pipe that nobody writes, a device, a file that says it has
 * a terabyte.
 *
 * A file that has a second name somewhere becomes a file of its own with the same content: the other name may lie in the home,
 * where tools could write what the agent takes for its own.
 */
export async function setAside(layout: Layout, log: Logger): Promise<void> {
  const folders = [layout.transcripts, layout.inbox, layout.checkpoints];
  for (const name of await namesIn(layout.root)) {
    const path = join(layout.root, name);
    const wanted = folders.includes(path) ? 'folder' : /\.(jsonl?|tmp)$/.test(name) ? 'file' : 'either';
    await look(layout, path, wanted, log);
  }
  for (const folder of folders) {
    const wanted = folder === layout.checkpoints ? 'either' : 'file';
    for (const name of await namesIn(folder)) await look(layout, join(folder, name), wanted, log);
  }
}

async function look(
  layout: Layout,
  path: string,
  wanted: 'file' | 'folder' | 'either',
  log: Logger,
): Promise<void> {
  const stats = await lstat(path);
  const tooLarge = stats.isFile() && wanted === 'file' && stats.size > largestLog;
  if (stats.isFile() && wanted !== 'folder' && !tooLarge) {
    if (stats.nlink > 1) await becomeOwn(path);
    return;
  }
  if (stats.isDirectory() && wanted !== 'file') return;
  const aside = asideOf(path);
  await rename(path, aside);
  log.error(
    {
      file: relative(layout.root, path),
      is: tooLarge ? `a file of ${stats.size} bytes` : kindOf(stats),
      now: relative(layout.root, aside),
    },
    'the volume holds what no agent puts there: set aside',
  );
}

/** Copies a file over its own name. */
async function becomeOwn(path: string): Promise<void> {
  const copy = asideOf(path);
  await copyFile(path, copy);
  const handle = await open(copy, 'r+');
  try {
    await handle.chmod(0o640);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(copy, path);
  await syncFolder(join(path, '..'));
}

/** No log and no checkpoint ends so, or begins so. */
function asideOf(path: string): string {
  return join(path, '..', `.aside-${randomUUID()}`);
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
}
