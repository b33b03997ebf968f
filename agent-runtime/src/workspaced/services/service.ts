import type { ServiceStatus } from '../../protocol/tools-api.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { type LaunchContext, prepareLaunch } from '../process/launch.ts';
import type { Launched, Launcher, OutputFile } from '../process/launcher.ts';
import type { Exit, Session } from '../process/session.ts';
import { nextPause, type RestartPolicy, shouldRestart } from './back-off.ts';

export interface ServiceSpec {
  name: string;
  command: string[];
  port?: number | undefined;
  restart: RestartPolicy;
}

export interface ServiceContext extends LaunchContext {
  launcher: Launcher;
  /** Folder of the logs. */
  folder: string;
  /** Bytes at which a log is rotated; one older log is kept. */
  rotateAt: number;
  clock: Clock;
  log: Log;
  changed: (service: ServiceStatus) => void;
}

/** How long a process has between TERM and KILL when it is left over from a run that ended by itself, in ms. */
const leftoverGraceMs = 500;

/** One declared service: its process while it runs, and the pause before it is started again. */
export class Service {
  readonly spec: ServiceSpec;
  readonly #context: ServiceContext;
  readonly #output: OutputFile;
  #status: ServiceStatus['status'] = 'starting';
  #restarts = 0;
  #exitCode: number | null = null;
  #pause = 0;
  #session: Session | undefined;
  #cancelPause: (() => void) | undefined;
  #run: Promise<void> = Promise.resolve();
  #stopping = false;

  constructor(spec: ServiceSpec, context: ServiceContext) {
    this.spec = spec;
    this.#context = context;
    this.#output = context.launcher.rotating(`${context.folder}/${spec.name}.log`, context.rotateAt);
  }

  /** What runs of it now, if anything does. */
  get session(): Session | undefined {
    return this.#session;
  }

  describe(): ServiceStatus {
    return {
      name: this.spec.name,
      status: this.#status,
      restarts: this.#restarts,
      exitCode: this.#exitCode,
      logFile: this.#output.path,
    };
  }

  /** Starts the process. What fails in it is the service's own affair: it shows in its status and log. */
  start(): void {
    this.#cancelPause = undefined;
    this.#become('starting');
    this.#run = this.#runOnce(() => this.#launch());
  }

  /** Goes on with a process that was restored, instead of a start. */
  adopt(pid: number): void {
    const launched = this.#context.launcher.adopt(pid, this.#output);
    this.#run = this.#runOnce(async () => launched);
  }

  /** Ends the process and whatever it started, or the pause before its next start. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    this.#cancelPause?.();
    await this.#session?.terminate(graceMs);
    await this.#run;
    await this.#output.close();
    this.#become('exited');
  }

  async #runOnce(launch: () => Promise<Launched | undefined>): Promise<void> {
    const startedAt = this.#context.clock.now();
    let exit: Exit = { code: null, signal: null };
    try {
      exit = await this.#runProcess(launch);
    } catch (error) {
      this.#context.log.warn('service cannot run', { service: this.spec.name, error });
      await this.#note(`the service cannot run: ${String(error)}`);
    }
    this.#exitCode = exit.code;
    if (this.#stopping) return;
    if (!shouldRestart(this.spec.restart, exit)) {
      this.#become('exited');
      return;
    }
    this.#pause = nextPause(this.#pause, this.#context.clock.now() - startedAt);
    await this.#note(`ended with ${exit.signal ?? `code ${exit.code}`}; starts again in ${this.#pause} ms`);
    if (this.#stopping) return;
    this.#cancelPause = this.#context.clock.after(this.#pause, () => {
      this.#restarts += 1;
      this.start();
    });
    this.#become('backoff');
  }

  async #launch(): Promise<Launched | undefined> {
    const [file = '', ...args] = this.spec.command;
    const port = this.spec.port === undefined ? {} : { PORT: String(this.spec.port) };
    const { cwd, env, prefix } = await prepareLaunch(this.#context, { env: port });
    if (this.#stopping) return undefined;
    return this.#context.launcher.start({ file, args, cwd, env, prefix }, this.#output);
  }

  async #runProcess(launch: () => Promise<Launched | undefined>): Promise<Exit> {
    const launched = await launch();
    if (launched === undefined) return { code: null, signal: null };
    const { session } = launched;
    this.#session = session;
    if (this.#stopping) await session.terminate(leftoverGraceMs);
    else this.#become('running');
    const exit = await session.exited;
    await session.terminate(leftoverGraceMs);
    await launched.drained();
    this.#session = undefined;
    return exit;
  }

  async #note(text: string): Promise<void> {
    try {
      await this.#output.append(Buffer.from(`[workspaced: ${text}]\n`));
    } catch (error) {
      this.#context.log.warn('service log cannot be written', { service: this.spec.name, error });
    }
  }

  #become(status: ServiceStatus['status']): void {
    if (this.#status === status && status !== 'starting') return;
    this.#status = status;
    this.#context.changed(this.describe());
  }
}
