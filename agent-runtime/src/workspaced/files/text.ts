import { createHash } from 'node:crypto';
import { constants, type FileHandle, open } from 'node:fs/promises';
import { fileFailure, ToolFailure } from '../tool-failure.ts';

export const byteOrderMark = '\ufeff';

/** A file with a zero byte among its first bytes is taken for binary, as git does. */
const binaryProbeBytes = 8 * 1024;

export function sha256(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('hex');
}

export function looksBinary(start: Uint8Array): boolean {
  return start.subarray(0, binaryProbeBytes).includes(0);
}

/** Opens a regular file of at most `maxBytes` for reading; anything else is refused with a sentence. */
export async function openRegular(path: string, maxBytes: number): Promise<FileHandle> {
  let file: FileHandle | undefined;
  try {
    // Without O_NONBLOCK, opening a named pipe would wait for a writer for ever.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await file.stat();
    if (stats.isDirectory()) throw new ToolFailure('is_directory', `${path} is a directory`);
    if (!stats.isFile()) throw new ToolFailure('invalid', `${path} is not a regular file`);
    if (stats.size > maxBytes) {
      throw new ToolFailure(
        'too_large',
        `${path} has ${stats.size} bytes, more than the ${maxBytes} that this tool takes: use Grep, or Bash with head, tail or sed`,
      );
    }
    return file;
  } catch (error) {
    await file?.close();
    throw fileFailure(error, path);
  }
}

/** The text of a file, or a {@link ToolFailure} `invalid` where decoding and encoding again would change bytes. */
export function decodeText(content: Buffer, path: string): string {
  if (looksBinary(content)) throw new ToolFailure('invalid', `${path} is a binary file`);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content);
  } catch (error) {
    throw new ToolFailure('invalid', `${path} is not UTF-8 text: change it with Bash`, { cause: error });
  }
}
