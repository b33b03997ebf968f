import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';

/**
 * Removes what lies under a name, with all that is in it; a link itself, not what it points to. Tools left it: folders that nobody may
 * write (as a module cache has them), or that are nested deeper than a path is long. Node's own `rm` fails at both.
 */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch {
    const run = promisify(execFile);
    // What it cannot change belongs to somebody else; whether that matters is seen by the removal.
    await run('chmod', ['-R', 'u+rwX', '--', path]).catch((error: unknown) => error);
    await run('rm', ['-rf', '--', path]);
  }
}
