import type { z } from 'zod';
import type {
  BackgroundTask,
  RestoreResult,
  restoreRequest,
  stopRequest,
  stopResult,
} from '../../protocol/tools-api.ts';
import type { BackgroundTasks } from '../background/tasks.ts';
import type { Gate } from '../gate.ts';
import type { ProcessImages } from '../images/process-images.ts';
import type { Log } from '../log.ts';
import type { Supervisor } from '../services/supervisor.ts';
import type { Terminals } from '../terminal/terminals.ts';

export interface SleepContext {
  gate: Gate;
  services: Supervisor;
  background: BackgroundTasks;
  terminals: Pick<Terminals, 'endAll' | 'sleepAll'>;
  /** Dumps and restores processes; or why this pod does not. */
  images: ProcessImages | { unsupported: string };
  /** Ends processes that belong to none of these, but for those in `keep`; where that cannot be told, it does nothing. */
  endLeftovers: (graceMs: number, keep?: ReadonlySet<number>) => Promise<void>;
  /** Resolves when what was written is on disk. */
  sync: () => Promise<void>;
  /** Between TERM and KILL, in ms. */
  graceMs: number;
  log: Log;
  changed: (task: BackgroundTask) => void;
}

/** What those who see a terminal are told, where it is dumped and where it is not. */
const terminalsSleep = 'The workspace went to sleep, and this terminal with it. Attach again to wake both.';
const terminalsEnd = 'The workspace went to sleep or was stopped, and its terminals with it. Open a new one.';

type StopResult = z.infer<typeof stopResult>;

/** Stops all processes before the pod may go, and starts what is wanted again. One after another, in the order they came. */
export class Sleep {
  readonly #context: SleepContext;
  #last: Promise<unknown> = Promise.resolve();
  /** What was stopped, kept until the restore: a repeated request, after a lost answer, gets the same. */
  #stopped: StopResult = { services: [], background: [] };
  /** The same, where it was dumped. */
  #dumped: StopResult | undefined;

  constructor(context: SleepContext) {
    this.#context = context;
  }

  /**
   * Resolves when nothing runs and everything is on disk; from the call on, nothing new is let in. With `images` services and
   * background tasks are dumped into that folder and stopped as they are. Throws {@link ToolFailure} `dump_failed` where one cannot be,
   * and then everything runs on.
   */
  stop({ images: folder, terminals }: z.infer<typeof stopRequest>): Promise<StopResult> {
    return this.#inTurn(async () => {
      const { images, sync, graceMs } = this.#context;
      if (this.#dumped !== undefined) return this.#dumped;
      if (folder !== undefined && !('unsupported' in images)) return this.#dump(images, folder, terminals);
      await this.stopProcesses(graceMs);
      await sync();
      return folder === undefined ? this.#stopped : { ...this.#stopped, ...images };
    });
  }

  async #dump(images: ProcessImages, folder: string, withTerminals: boolean): Promise<StopResult> {
    const { gate, services, background, terminals, endLeftovers, sync, graceMs } = this.#context;
    await gate.close();
    const names = services.list().map((service) => service.name);
    const tasks = background.list().filter((task) => task.status === 'running');
    let made: Required<Pick<StopResult, 'images' | 'lost'>>;
    try {
      made = await images.dump(folder, withTerminals);
    } catch (error) {
      gate.open();
      throw error;
    }
    if (withTerminals) terminals.sleepAll(terminalsSleep);
    else await terminals.endAll(graceMs, terminalsEnd);
    await endLeftovers(graceMs, images.frozenPids());
    await sync();
    this.#dumped = { services: names, background: tasks, ...made };
    return this.#dumped;
  }

  /** Ends every process, without the wait for the disk. What was dumped is killed: it must not run beside what is restored from it. */
  async stopProcesses(graceMs: number): Promise<void> {
    const { gate, services, background, terminals, endLeftovers, images } = this.#context;
    await gate.close();
    if (!('unsupported' in images) && images.frozen) return images.kill();
    const [names, tasks] = await Promise.all([
      services.stopAll(graceMs),
      background.stopAll(graceMs),
      terminals.endAll(graceMs, terminalsEnd),
    ]);
    await endLeftovers(graceMs);
    this.#stopped = {
      services: [...this.#stopped.services, ...names],
      background: [...this.#stopped.background, ...tasks],
    };
  }

  /**
   * Lets work in again: lets what was dumped go on, restores what an earlier pod dumped, and starts services and tasks. What cannot
   * be restored or started does not hold up the rest.
   */
  restore({ services, background, images }: z.infer<typeof restoreRequest>): Promise<RestoreResult> {
    return this.#inTurn(async () => {
      const { gate } = this.#context;
      const outcomes = await this.#restoreImages(services, images);
      const declared = await this.#context.services.declare(services);
      const tasks: BackgroundTask[] = [];
      for (const request of background) tasks.push(await this.#restart(request));
      this.#stopped = { services: [], background: [] };
      gate.open();
      return {
        services: declared,
        background: tasks,
        ...(outcomes === undefined ? {} : { images: outcomes }),
      };
    });
  }

  async #restoreImages(
    services: z.infer<typeof restoreRequest>['services'],
    wanted: z.infer<typeof restoreRequest>['images'],
  ): Promise<RestoreResult['images']> {
    const { images } = this.#context;
    this.#dumped = undefined;
    if ('unsupported' in images)
      return wanted?.images.map(({ kind, id }) => ({ kind, id, lost: images.unsupported }));
    if (images.frozen) await images.thaw();
    if (wanted === undefined) return undefined;
    return images.restore(wanted.folder, wanted.images, services);
  }

  async #restart(request: z.infer<typeof restoreRequest>['background'][number]): Promise<BackgroundTask> {
    const { background, log, changed } = this.#context;
    try {
      return await background.restart(request);
    } catch (error) {
      log.warn('background task cannot be restarted', { id: request.id, error });
      const before = background.list().find((task) => task.id === request.id);
      const ended: BackgroundTask = {
        ...(before ?? { id: request.id, outputFile: '', outputBytes: 0 }),
        status: 'exited',
        exitCode: null,
        signal: null,
      };
      // Whoever takes it for running learns that it is over.
      changed(ended);
      return ended;
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = Promise.allSettled([result]);
    return result;
  }
}
