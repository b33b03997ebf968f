import type { z } from 'zod';
import type { BackgroundTask, restoreRequest, restoreResult, stopResult } from '../../protocol/tools-api.ts';
import type { BackgroundTasks } from '../background/tasks.ts';
import type { Gate } from '../gate.ts';
import type { Log } from '../log.ts';
import type { Supervisor } from '../services/supervisor.ts';
import type { Terminals } from '../terminal/terminals.ts';

export interface SleepContext {
  gate: Gate;
  services: Supervisor;
  background: BackgroundTasks;
  terminals: Pick<Terminals, 'endAll'>;
  /** Ends processes that belong to none of these; where that cannot be told, it does nothing. */
  endLeftovers: (graceMs: number) => Promise<void>;
  /** Resolves when what was written is on disk. */
  sync: () => Promise<void>;
  /** Between TERM and KILL, in ms. */
  graceMs: number;
  log: Log;
  changed: (task: BackgroundTask) => void;
}

/** What those who see a terminal are told. */
const terminalsEnd = 'The workspace went to sleep or was stopped, and its terminals with it. Open a new one.';

type StopResult = z.infer<typeof stopResult>;

/** Stops all processes before the pod may go, and starts what is wanted again. One after another, in the order they came. */
export class Sleep {
  readonly #context: SleepContext;
  #last: Promise<unknown> = Promise.resolve();
  /** What was stopped, kept until the restore: a repeated request, after a lost answer, gets the same. */
  #stopped: StopResult = { services: [], background: [] };

  constructor(context: SleepContext) {
    this.#context = context;
  }

  /** Resolves when nothing runs and everything is on disk; from the call on, nothing new is let in. */
  stop(): Promise<StopResult> {
    return this.#inTurn(async () => {
      const { sync } = this.#context;
      await this.stopProcesses(this.#context.graceMs);
      await sync();
      return this.#stopped;
    });
  }

  /** Ends every process, without the wait for the disk. */
  async stopProcesses(graceMs: number): Promise<void> {
    const { gate, services, background, terminals, endLeftovers } = this.#context;
    await gate.close();
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

  /** Lets work in again and starts services and tasks. A task that cannot start does not hold up the rest. */
  restore({ services, background }: z.infer<typeof restoreRequest>): Promise<z.infer<typeof restoreResult>> {
    return this.#inTurn(async () => {
      const { gate } = this.#context;
      const declared = await this.#context.services.declare(services);
      const tasks: BackgroundTask[] = [];
      for (const request of background) tasks.push(await this.#restart(request));
      this.#stopped = { services: [], background: [] };
      gate.open();
      return { services: declared, background: tasks };
    });
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
