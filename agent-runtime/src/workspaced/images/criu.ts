import { spawn } from 'node:child_process';
import { access, constants, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readRegular } from '../../regular-file/regular-file.ts';
import { complaintOf } from './complaint.ts';

/** criu did not do it. The message says why, in words for a person. */
export class CriuFailure extends Error {
  override readonly name = 'CriuFailure';
}

/** Seconds that criu gives itself for a dump; it undoes what it did when they are over. */
const dumpSeconds = 20;
/** Milliseconds after which criu is killed; a dump, where its own limit failed. */
const criuLimits = { dumpMs: 30_000, restoreMs: 15_000 };

/**
 * Without SYS_ADMIN (`--unprivileged`). Connections are closed, since their other ends will have gone; locks on files are kept; which
 * cgroup a process is in is the kubelet's business.
 */
const common = ['--unprivileged', '--tcp-close', '--manage-cgroups=ignore', '--file-locks'];

/** The program criu. A call takes some 50 ms and 10 ms more for each 10 MB of memory. */
export class Criu {
  readonly #program: string;
  readonly #runtime: string;
  readonly #limits: typeof criuLimits;

  /** `runtime`: a folder of this pod alone, where criu keeps what it found out about the kernel. */
  constructor(program: string, runtime: string, limits = criuLimits) {
    this.#program = program;
    this.#runtime = runtime;
    this.#limits = limits;
  }

  get program(): string {
    return this.#program;
  }

  async available(): Promise<boolean> {
    return access(this.#program, constants.X_OK).then(
      () => true,
      () => false,
    );
  }

  /** Dumps a process and all that it started into a folder that exists, and leaves them stopped. Throws {@link CriuFailure}; then they run on. */
  async dump(pid: number, folder: string): Promise<void> {
    const limit = ['--leave-stopped', '--timeout', String(dumpSeconds)];
    await this.#run(folder, 'dump.log', this.#limits.dumpMs, ['dump', '-t', String(pid), ...limit]);
  }

  /** Brings back what was dumped, under its pids, running. Throws {@link CriuFailure}; what was brought back by then is for the caller to end. */
  async restore(folder: string): Promise<void> {
    await this.#run(folder, 'restore.log', this.#limits.restoreMs, ['restore', '--restore-detached']);
  }

  async #run(folder: string, log: string, limitMs: number, command: string[]): Promise<void> {
    await mkdir(this.#runtime, { recursive: true });
    const problem = await new Promise<string | undefined>((resolve) => {
      const child = spawn(this.#program, [...command, '-D', folder, '-o', log, ...common], {
        cwd: folder,
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', XDG_RUNTIME_DIR: this.#runtime },
        stdio: 'ignore',
        timeout: limitMs,
        killSignal: 'SIGKILL',
      });
      child.once('error', (error) => resolve(String(error)));
      child.once('exit', (code, signal) => {
        if (code === 0) resolve(undefined);
        else if (signal === 'SIGKILL') resolve(`criu did not end within ${limitMs / 1000} s`);
        else resolve(`criu ended with ${signal ?? `code ${code}`}`);
      });
    });
    if (problem === undefined) return;
    throw new CriuFailure(complaintOf(await readLog(join(folder, log))) ?? problem);
  }
}

/** Empty where there is none, or something else in its place. */
async function readLog(path: string): Promise<string> {
  return readRegular(path, 16 * 1024 * 1024).then(
    (bytes) => bytes.toString(),
    () => '',
  );
}
