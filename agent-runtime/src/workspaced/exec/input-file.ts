import { randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * What a command reads as its standard input: a file without a name. A pipe of Node is a socket, and a bash that finds one
 * there takes itself for a remote shell and reads `~/.bashrc`; a file also asks nobody to write while the command reads.
 */
export class InputFile {
  readonly #file: FileHandle;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async holding(text: string, folder: string): Promise<InputFile> {
    const path = join(folder, `.input-${randomUUID()}`);
    const written = await open(path, 'wx', 0o600);
    try {
      await written.writeFile(text);
      // Opened anew, so that the command begins to read at its beginning and cannot write.
      return new InputFile(await open(path, 'r'));
    } finally {
      await written.close();
      await unlink(path);
    }
  }

  get descriptor(): number {
    return this.#file.fd;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}
