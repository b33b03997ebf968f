import { constants, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** What lies under a name is not taken for a file of ours; the message says what it is. */
export class FileRefused extends Error {
  override readonly name = 'FileRefused';
}

/**
 * Opens a file that somebody else may have put there: never through a link, and without waiting for the other end of a pipe.
 * `flags` as of open(2), without creating. Throws {@link FileRefused} for everything but a regular file, else the system's error.
 */
export async function openRegular(path: string, flags: number = constants.O_RDONLY): Promise<FileHandle> {
  const handle = await open(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    (error: NodeJS.ErrnoException) => {
      const kind = refusals[error.code ?? ''];
      throw kind === undefined ? error : new FileRefused(`${path} is ${kind}`, { cause: error });
    },
  );
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new FileRefused(`${path} is ${kindOf(stats)}`);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** The content of such a file. Throws {@link FileRefused} also where it has more than `limit` bytes; no more than that is read. */
export async function readRegular(path: string, limit: number): Promise<Buffer> {
  const handle = await openRegular(path);
  try {
    const { size } = await handle.stat();
    if (size > limit) throw new FileRefused(`${path} has ${size} bytes, and at most ${limit} are read`);
    const bytes = Buffer.alloc(size);
    let length = 0;
    while (length < size) {
      const { bytesRead } = await handle.read(bytes, length, size - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return bytes.subarray(0, length);
  } finally {
    await handle.close();
  }
}

/** What lies under a name, in words: `a symbolic link`, `a folder`. */
export function kindOf(stats: Stats): string {
  if (stats.isFile()) return 'a file';
  if (stats.isSymbolicLink()) return 'a symbolic link';
  if (stats.isDirectory()) return 'a folder';
  if (stats.isFIFO()) return 'a named pipe';
  return stats.isSocket() ? 'a socket' : 'a device';
}

const refusals: Record<string, string> = {
  ELOOP: 'a symbolic link',
  EISDIR: 'a folder',
  ENXIO: 'a socket or a device',
  ENODEV: 'a device',
};
