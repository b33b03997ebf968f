import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Log } from '../log.ts';
import type { Launched, Launcher, OutputFile } from '../process/launcher.ts';
import { Session, type SessionCommand } from '../process/session.ts';
import { DirectOutput } from './direct-output.ts';

/**
 * Processes are restored under the ids that they had, before anything else runs in the new pod but `workspaced`, criu and their
 * threads: ids above this one are free then.
 */
const firstPid = 320;

/** Uses up the ids below, which takes 120 to 260 ms once a pod. */
const spendPids = `while :; do (:) & wait; (( $! >= ${firstPid} )) && exit; done`;

/** Starts processes so that criu can dump them: no pipe or socket ties them to `workspaced`, and they do not use io_uring. */
export class DirectLauncher implements Launcher {
  readonly #frozen: () => boolean;
  readonly #preload: string | undefined;
  readonly #log: Log;
  #pidsSpent: Promise<unknown> | undefined;

  /** `preload`: the library that hides io_uring. `frozen`: whether dumped processes wait to go on or to be killed. */
  constructor(options: { frozen: () => boolean; preload: string | undefined; log: Log }) {
    this.#frozen = options.frozen;
    this.#preload = options.preload;
    this.#log = options.log;
  }

  async capped(path: string, cap: number): Promise<DirectOutput> {
    return new DirectOutput(path, cap, 'cut', this.#frozen, this.#log);
  }

  rotating(path: string, rotateAt: number): DirectOutput {
    return new DirectOutput(path, rotateAt, 'rotate', this.#frozen, this.#log);
  }

  /** What must have happened before a process starts that shall be dumped; answers its environment. */
  async prepare(env: Readonly<Record<string, string>>): Promise<Record<string, string>> {
    this.#pidsSpent ??= promisify(execFile)('bash', ['-c', spendPids]);
    await this.#pidsSpent;
    return this.#withPreload(env);
  }

  async start(command: SessionCommand, output: OutputFile): Promise<Launched> {
    const env = await this.prepare(command.env);
    const direct = ofThisKind(output);
    await using file = await direct.openForProcess();
    const session = await Session.startInto({ ...command, env }, file.fd);
    return this.#launched(session, direct);
  }

  adopt(pid: number, output: OutputFile): Launched {
    return this.#launched(Session.adopt(pid), ofThisKind(output));
  }

  #launched(session: Session, output: DirectOutput): Launched {
    output.watch();
    return { session, drained: () => output.close() };
  }

  #withPreload(env: Readonly<Record<string, string>>): Record<string, string> {
    if (this.#preload === undefined) return { ...env };
    const { LD_PRELOAD: own } = env;
    return { ...env, LD_PRELOAD: own ? `${this.#preload}:${own}` : this.#preload };
  }
}

function ofThisKind(output: OutputFile): DirectOutput {
  if (!(output instanceof DirectOutput)) throw new TypeError('the output file was made by another launcher');
  return output;
}
