import type { BackgroundTask } from '../../protocol/tools-api.ts';
import type { Launched, SizedOutputFile } from '../process/launcher.ts';
import type { Exit, Session } from '../process/session.ts';

/** A background task that runs: it is over when nothing of its session is alive any more. */
export class RunningTask {
  readonly session: Session;
  readonly #launched: Launched;
  readonly #file: SizedOutputFile;
  #killed = false;

  constructor(launched: Launched, file: SizedOutputFile) {
    this.session = launched.session;
    this.#launched = launched;
    this.#file = file;
  }

  get outputBytes(): number {
    return this.#file.size;
  }

  kill(graceMs: number): Promise<void> {
    this.#killed = true;
    return this.session.terminate(graceMs);
  }

  /**
   * Resolves when the task is over. Unlike a foreground command it may be a shell that starts something with `&` and exits:
   * what is left is adopted, and looked for ten times a second, until it ends too.
   */
  async over(): Promise<{ exit: Exit; status: BackgroundTask['status'] }> {
    const exit = await this.session.exited;
    await this.session.emptied();
    await this.#launched.drained();
    await this.#file.close();
    return { exit, status: this.#killed ? 'killed' : 'exited' };
  }
}
