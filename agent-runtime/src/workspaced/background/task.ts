import type { BackgroundTask } from '../../protocol/tools-api.ts';
import type { CappedFile } from '../output/capped-file.ts';
import { Pump } from '../output/pump.ts';
import type { Exit, Session } from '../process/session.ts';

/** A background task that runs: it is over when nothing of its session is alive any more. */
export class RunningTask {
  readonly session: Session;
  readonly #file: CappedFile;
  readonly #pumps: Pump[];
  #killed = false;

  constructor(session: Session, file: CappedFile) {
    this.session = session;
    this.#file = file;
    this.#pumps = [session.stdout, session.stderr].map(
      (stream) => new Pump(stream, (chunk) => file.append(chunk)),
    );
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
    await Promise.all(this.#pumps.map((pump) => pump.processEnded()));
    await this.#file.close();
    return { exit, status: this.#killed ? 'killed' : 'exited' };
  }
}
