import type { BackgroundRequest, BackgroundTask } from '../../protocol/tools-api.ts';
import type { Log } from '../log.ts';
import { type RetentionLimits, surplus } from '../output/retention.ts';
import { type OutputSlice, readSlice } from '../output/slice.ts';
import { type Launch, type LaunchContext, prepareLaunch } from '../process/launch.ts';
import type { Launched, Launcher, OutputFile, SizedOutputFile } from '../process/launcher.ts';
import { endOrphanedSession, type Session } from '../process/session.ts';
import { systemErrorCode, ToolFailure } from '../tool-failure.ts';
import { TaskFolder, type TaskRecord } from './record.ts';
import { RunningTask } from './task.ts';

export interface BackgroundContext extends LaunchContext {
  launcher: Launcher;
  folder: string;
  /** `/proc/sys/kernel/random/boot_id`. */
  kernel: string;
  limits: BackgroundLimits;
  log: Log;
  changed: (task: BackgroundTask) => void;
}

export interface BackgroundLimits {
  /** Tasks that run at the same time. */
  running: number;
  /** Bytes of one task's output. */
  output: number;
  /** Of tasks that are over. */
  retention: RetentionLimits;
  /** Between TERM and KILL, in ms. */
  graceMs: number;
}

const mebibyte = 1024 * 1024;
export const backgroundLimits: BackgroundLimits = {
  running: 64,
  output: 64 * mebibyte,
  retention: { files: 200, bytes: 1024 * mebibyte },
  graceMs: 2_000,
};

interface Task {
  record: TaskRecord;
  outputBytes: number;
  modified: number;
  running?: RunningTask;
  /** Resolves when the record of the end is on disk and listeners were told. */
  ended?: Promise<void>;
}

/** Commands that outlive the request that started them, by an id that the caller chose. */
export class BackgroundTasks {
  readonly #context: BackgroundContext;
  readonly #folder: TaskFolder;
  readonly #tasks = new Map<string, Task>();
  readonly #starting = new Map<string, Promise<Task>>();

  constructor(context: BackgroundContext) {
    this.#context = context;
    this.#folder = new TaskFolder(context.folder, context.log);
  }

  /** Reads the records of earlier starts. What ran then is ended where it still lives, and reported as killed. */
  async load(): Promise<void> {
    for (const record of await this.#folder.load()) {
      if (record.status === 'running') {
        if (record.kernel === this.#context.kernel) {
          await endOrphanedSession(record.pid, record.startTime, this.#context.limits.graceMs);
        }
        record.status = 'killed';
        await this.#saveIfPossible(record);
      }
      const { bytes, modified } = await this.#folder.outputState(record.id);
      this.#tasks.set(record.id, { record, outputBytes: bytes, modified });
    }
  }

  /** On a full volume the record stays as it was, which the next start reads the same way: tools that free space must come up. */
  async #saveIfPossible(record: TaskRecord): Promise<void> {
    try {
      await this.#folder.save(record);
    } catch (error) {
      this.#context.log.warn('background record cannot be written', { id: record.id, error });
    }
  }

  list(): BackgroundTask[] {
    return [...this.#tasks.values()].map((task) => this.#describe(task));
  }

  /** Starts the task. With an id that is known already, whatever became of it, nothing is started and its state returned. */
  async start(request: BackgroundRequest): Promise<BackgroundTask> {
    const known = this.#tasks.get(request.id);
    return this.#describe(known ?? (await this.#startOnce(request)));
  }

  /** Starts a task again that a sleep ended; its output goes on in the same file. */
  async restart(request: BackgroundRequest): Promise<BackgroundTask> {
    const known = this.#tasks.get(request.id);
    return this.#describe(known?.running ? known : await this.#startOnce(request));
  }

  async output(id: string, offset: number, limit: number, lines = false): Promise<OutputSlice> {
    const task = this.#known(id);
    try {
      const growing = task.running !== undefined;
      return await readSlice(this.#folder.outputFile(id), offset, limit, growing, lines);
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
      throw new ToolFailure('not_found', `the output of background task ${id} was deleted`, { cause: error });
    }
  }

  /** Ends a task; resolves when nothing of it is alive. One that is over already stays as it is. */
  async kill(id: string, graceMs: number = this.#context.limits.graceMs): Promise<BackgroundTask> {
    const task = this.#known(id);
    await task.running?.kill(graceMs);
    await task.ended;
    return this.#describe(task);
  }

  /** Ends every task that runs and returns those. */
  async stopAll(graceMs: number): Promise<BackgroundTask[]> {
    await Promise.allSettled(this.#starting.values());
    const running = [...this.#tasks.values()].filter((task) => task.running);
    return Promise.all(running.map((task) => this.kill(task.record.id, graceMs)));
  }

  /** The sessions of the tasks that run. */
  sessions(): { id: string; session: Session }[] {
    return [...this.#tasks.values()].flatMap(({ record, running }) =>
      running ? [{ id: record.id, session: running.session }] : [],
    );
  }

  /** Takes a task up again whose processes were restored, with `pid` first. Throws {@link ToolFailure} where nothing is known of it. */
  async adopt(id: string, pid: number): Promise<void> {
    const { record } = this.#known(id);
    const { launcher, limits } = this.#context;
    const file = await launcher.capped(this.#folder.outputFile(id), limits.output);
    await this.#run(record, launcher.adopt(pid, file), file);
  }

  #known(id: string): Task {
    const task = this.#tasks.get(id);
    if (!task) throw new ToolFailure('not_found', `there is no background task ${id}`);
    return task;
  }

  /** Two requests with one id at the same time get one task. */
  async #startOnce(request: BackgroundRequest): Promise<Task> {
    let starting = this.#starting.get(request.id);
    if (!starting) {
      starting = this.#launch(request).finally(() => this.#starting.delete(request.id));
      this.#starting.set(request.id, starting);
    }
    return starting;
  }

  async #launch(request: BackgroundRequest): Promise<Task> {
    const { limits, launcher } = this.#context;
    const busy = [...this.#tasks.values()].filter((task) => task.running).length + this.#starting.size;
    if (busy >= limits.running) {
      throw new ToolFailure('limit', `${limits.running} background tasks run already: end one first`);
    }
    await this.#prune();
    const launch = await prepareLaunch(this.#context, request);
    const file = await launcher.capped(this.#folder.outputFile(request.id), limits.output);
    return this.#run(request, await this.#startShell(request.command, launch, file), file);
  }

  /** Follows what runs to its end, once the record of it is on disk. */
  async #run(
    { id, command }: { id: string; command: string },
    launched: Launched,
    file: SizedOutputFile,
  ): Promise<Task> {
    const { pid, startTime } = launched.session;
    const running = new RunningTask(launched, file);
    const record: TaskRecord = {
      ...{ id, command, pid, startTime },
      status: 'running',
      exitCode: null,
      signal: null,
      kernel: this.#context.kernel,
    };
    const task: Task = { record, outputBytes: 0, modified: Date.now(), running };
    this.#tasks.set(id, task);
    try {
      await this.#folder.save(record);
    } catch (error) {
      // Nobody would know of the task after a crash: it does not run without its record.
      await running.kill(0);
      this.#tasks.delete(id);
      throw error;
    }
    task.ended = this.#awaitEnd(task, running);
    this.#context.changed(this.#describe(task));
    return task;
  }

  async #startShell(command: string, launch: Launch, file: OutputFile): Promise<Launched> {
    const { cwd, env, prefix } = launch;
    try {
      return await this.#context.launcher.start(
        { file: 'bash', args: ['-c', command], cwd, env, prefix },
        file,
      );
    } catch (error) {
      await file.close();
      throw new ToolFailure('io', `bash cannot be started in ${cwd}: ${String(error)}`, { cause: error });
    }
  }

  async #awaitEnd(task: Task, running: RunningTask): Promise<void> {
    const { id } = task.record;
    try {
      const { exit, status } = await running.over();
      Object.assign(task.record, { status, exitCode: exit.code, signal: exit.signal });
      task.outputBytes = running.outputBytes;
      task.modified = Date.now();
      delete task.running;
      await this.#folder.save(task.record);
    } catch (error) {
      // The record on disk still says that it runs; the next start of workspaced finds it lost, which is the safe side.
      this.#context.log.error('end of a background task cannot be recorded', { id, error });
      if (task.record.status === 'running') task.record.status = 'killed';
      delete task.running;
    }
    this.#context.changed(this.#describe(task));
  }

  async #prune(): Promise<void> {
    const over = [...this.#tasks.values()]
      .filter((task) => !task.running)
      .map((task) => ({ path: task.record.id, bytes: task.outputBytes, modified: task.modified }));
    for (const { path: id } of surplus(over, this.#context.limits.retention)) {
      this.#tasks.delete(id);
      await this.#folder.remove(id);
    }
  }

  #describe(task: Task): BackgroundTask {
    const { id, status, exitCode, signal } = task.record;
    const outputBytes = task.running?.outputBytes ?? task.outputBytes;
    return { id, status, exitCode, signal, outputFile: this.#folder.outputFile(id), outputBytes };
  }
}
