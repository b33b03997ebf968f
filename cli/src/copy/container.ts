import { type Execution, exec } from '../cluster/exec.ts';
import { Failure } from '../failure.ts';
import type { Access } from '../surroundings.ts';

/**
 * Runs a script, its first argument, as the user of the workspace. A container that restores process images is root's, and so is what is
 * executed in it from outside.
 */
const asUser = [
  'set -- sh -c "$1" sh "$2"',
  'if [ "$(id -u)" != 0 ] || [ ! -e /opt/dormouse/with-process-images ]; then exec "$@"; fi',
  'exec setpriv --reuid 1000 --regid 1000 --groups 7000 --inh-caps=-all "$@"',
].join('\n');

/** The container in which a workspace's files are, and the commands that copy them. */
export class Container {
  readonly #access: Access;
  readonly #name: string;
  readonly #signal: AbortSignal;

  constructor(access: Access, name: string, signal: AbortSignal) {
    this.#access = access;
    this.#name = name;
    this.#signal = signal;
  }

  /** Whether there is a folder at this path. */
  async isFolder(path: string): Promise<boolean> {
    const { stdin, stdout, ended } = await this.#shell('[ -d "$1" ]', path);
    stdin.end();
    stdout.resume();
    const { code, complaint } = await this.settled(ended);
    if (code > 1) throw this.failure(path, code, complaint);
    return code === 0;
  }

  /** Unpacks the archive that is written to its standard input into a folder, which is made. */
  unpack(folder: string): Promise<Execution> {
    return this.#shell('mkdir -p "$1" && cd "$1" && exec tar -xf -', folder);
  }

  /** Writes a file or folder to its standard output as an archive, in which everything begins with the last part of the path. */
  pack(path: string): Promise<Execution> {
    return this.#shell(
      [
        '[ -e "$1" ] || [ -L "$1" ] || { echo "there is nothing at $1" >&2; exit 66; }',
        'cd "$(dirname "$1")" && exec tar --hard-dereference -cf - -- "$(basename "$1")"',
      ].join('\n'),
      path,
    );
  }

  failure(path: string, code: number, complaint: string): Failure {
    const said = complaint.trim() || `exit code ${code}`;
    return new Failure(code === 66 ? 'notFound' : 'failed', `${this.#name}:${path}: ${said}`, []);
  }

  /** How a command ended. @throws Failure where the connection broke first */
  async settled(ended: Execution['ended']) {
    try {
      return await ended;
    } catch (error) {
      this.#signal.throwIfAborted();
      throw new Failure('unreachable', `copying was cut: ${(error as Error).message}`, [
        'What was copied so far is there, and may be incomplete. Try again.',
      ]);
    }
  }

  #shell(script: string, path: string): Promise<Execution> {
    const { namespace, credentials } = this.#access;
    const at = { namespace, name: this.#name, container: 'workspace' };
    return exec(credentials, at, ['sh', '-c', asUser, 'sh', script, path], this.#signal);
  }
}
