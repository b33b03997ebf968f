import { randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Runs the command and leaves the final working directory in descriptor 3, moved to 200 where no script expects its own. An
 * EXIT trap is used because the command may call `exit`; a command that sets its own or replaces the shell with
 * `exec` is taken to have stayed where it was. It has no arguments: `$1` would be the command itself.
 */
const script = 'exec 200>&3 3>&-; trap "pwd -P >&200" EXIT; eval "set --; $1"';

export function shellArguments(command: string): string[] {
  return ['-c', script, 'bash', command];
}

/** Of a process that is still the shell itself, such as what stands before `&` until its program begins: the command. */
export function knownWords(words: string[]): string[] {
  return words[2] === script ? words.slice(4) : words;
}

/** What Linux takes as one argument of a program (`MAX_ARG_STRLEN`). */
export const maxCommandBytes = 128 * 1024 - 1;

/**
 * Where a shell reports its final working directory: a file without a name rather than a pipe, so that a process left
 * behind can neither hold it open nor mix it with output.
 */
export class DirectoryReport {
  readonly #file: FileHandle;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async open(folder: string): Promise<DirectoryReport> {
    const path = join(folder, `.cwd-${randomUUID()}`);
    const file = await open(path, 'wx+', 0o600);
    await unlink(path);
    return new DirectoryReport(file);
  }

  get descriptor(): number {
    return this.#file.fd;
  }

  /** The reported directory, or `undefined` where none was. */
  async read(): Promise<string | undefined> {
    const buffer = Buffer.alloc(8192);
    const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, 0);
    const text = buffer.toString('utf8', 0, bytesRead);
    return text.startsWith('/') && text.endsWith('\n') ? text.slice(0, -1) : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}
