import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { basename, dirname, join, posix, resolve } from 'node:path';
import { extract, type ReadEntry } from 'tar';
import { Failure } from '../failure.ts';
import { placeOf } from './allowed.ts';
import type { Container } from './container.ts';

/**
 * Copies a file or folder of a workspace to this machine: into the folder `target` if there is one, else to that path.
 * What the workspace sends is written below that and nowhere else.
 *
 * @param moved told of bytes that came
 * @returns paths in the workspace that were left out: links that lead elsewhere, devices, pipes
 * @throws Failure
 */
export async function download(
  container: Container,
  source: string,
  target: string,
  moved: (bytes: number) => void,
): Promise<string[]> {
  const to = resolve(target);
  const into = await isFolder(to);
  const root = posix.basename(source);
  const [folder, name] = into ? [to, root] : [dirname(to), basename(to)];
  if (!into && !(await isFolder(folder)))
    throw new Failure('notFound', `there is no folder ${folder} to copy to`, [
      `Make it:  mkdir -p '${folder}'`,
    ]);
  const leftOut: string[] = [];
  const unpack = extract({
    cwd: folder,
    preserveOwner: false,
    filter: (path, found) => {
      const entry = found as ReadEntry;
      const place = placeOf(entry, root, name);
      if (place === undefined) {
        leftOut.push(path);
        return false;
      }
      entry.path = place;
      // Rights of other users over files that others wrote are this machine's business.
      if (entry.mode !== undefined) entry.mode &= 0o777;
      return true;
    },
  });
  const { stdin, stdout, ended } = await container.pack(source);
  stdin.end();
  stdout.on('data', (chunk: Buffer) => moved(chunk.length));
  const unwritable = once(unpack, 'close').then(
    () => undefined,
    (error: Error) => error,
  );
  stdout.pipe(unpack);
  const { code, complaint } = await container.settled(ended);
  // A command that failed sent no archive, and why it failed says more.
  if (code !== 0) throw container.failure(source, code, complaint);
  const error = await unwritable;
  if (error !== undefined) {
    const message = `${join(folder, name)} cannot be written: ${error.message}`;
    throw new Failure('failed', message, [], { cause: error });
  }
  return leftOut;
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
