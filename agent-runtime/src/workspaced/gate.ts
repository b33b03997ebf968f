import { ToolFailure } from './tool-failure.ts';

/**
 * Lets work in, or refuses it while the workspace is being stopped. Whoever closes it knows afterwards that no
 * accepted work is still under way.
 */
export class Gate {
  #closed = false;
  #abort = new AbortController();
  /** Until it is opened for the first time, work waits. */
  #waiting: PromiseWithResolvers<void> | undefined;
  readonly #underWay = new Set<Promise<unknown>>();

  /** `waits`: work that comes before it is opened waits until then. Default: it is open. */
  constructor(waits = false) {
    if (waits) this.#waiting = Promise.withResolvers();
  }

  get closed(): boolean {
    return this.#closed || this.#waiting !== undefined;
  }

  /** Resolves when it has been opened for the first time, or closed: nothing is being restored any more. */
  async settled(): Promise<void> {
    await this.#waiting?.promise;
  }

  /**
   * Runs `work`, or throws {@link ToolFailure} `stopping`. The signal is aborted when the gate closes: what can end early
   * (a command) listens to it, what must end whole (a file being written) does not.
   */
  async run<T>(work: (closing: AbortSignal) => Promise<T>): Promise<T> {
    await this.#waiting?.promise;
    if (this.#closed) {
      throw new ToolFailure(
        'stopping',
        'the workspace is going to sleep; the request can be made again after it woke',
      );
    }
    const running = work(this.#abort.signal);
    this.#underWay.add(running);
    try {
      return await running;
    } finally {
      this.#underWay.delete(running);
    }
  }

  /** Refuses new work, asks what is under way to end, and resolves when it has. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopWaiting();
    this.#abort.abort();
    await Promise.allSettled(this.#underWay);
  }

  open(): void {
    this.#stopWaiting();
    if (!this.#closed) return;
    this.#closed = false;
    this.#abort = new AbortController();
  }

  #stopWaiting(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }
}
