import { stat } from 'node:fs/promises';
import { basename, dirname, posix, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { create } from 'tar';
import { Failure } from '../failure.ts';
import type { Container } from './container.ts';

/**
 * Copies a file or folder of this machine into a workspace: into the folder at `target` if there is one, else to that path.
 * @param moved told of bytes on their way
 * @throws Failure
 */
export async function upload(
  container: Container,
  source: string,
  target: string,
  moved: (bytes: number) => void,
): Promise<void> {
  const from = resolve(source);
  const isFolder = (
    await stat(from).catch((error: Error) => {
      throw new Failure('notFound', `${source} cannot be copied: ${error.message}`, [], { cause: error });
    })
  ).isDirectory();
  const [folder, name] = (await container.isFolder(target))
    ? [target, basename(from)]
    : [posix.dirname(target), posix.basename(target)];
  const archive = create(
    {
      cwd: isFolder ? from : dirname(from),
      // Owners and such of this machine mean nothing there.
      portable: true,
      // What cannot be read is an error, and not left out without a word.
      strict: true,
      onWriteEntry: (entry) => {
        const below = isFolder ? entry.path.replace(/^\.\/?/, '') : '';
        entry.path = below === '' ? name : `${name}/${below}`;
      },
    },
    // A name that begins with @ would be an archive to take entries from.
    [isFolder ? '.' : `./${basename(from)}`],
  );
  const { stdin, stdout, ended, stop } = await container.unpack(folder);
  stdout.resume();
  let unreadable: Error | undefined;
  const counted = async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      moved(chunk.length);
      yield chunk;
    }
  };
  pipeline(archive as AsyncIterable<Buffer>, counted, stdin).catch((error: NodeJS.ErrnoException) => {
    // Where the other side has ended, that says why.
    if (error.code === 'ERR_STREAM_PREMATURE_CLOSE') return;
    unreadable = error;
    stop();
  });
  const { code, complaint } = await container.settled(ended).catch((error: unknown) => {
    if (unreadable === undefined) throw error;
    throw new Failure('failed', `${source} cannot be read: ${unreadable.message}`, [], { cause: unreadable });
  });
  if (code !== 0) throw container.failure(target, code, complaint);
}
