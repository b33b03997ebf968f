/** The time that a call may take: without a sign of progress, and in all. It stands still while a person is asked. */
export class CallClock {
  readonly #limits: { silence: number; inAll: number };
  readonly #over = new AbortController();
  #silence: NodeJS.Timeout | undefined;
  #inAll: NodeJS.Timeout | undefined;
  #asking = 0;

  /** Milliseconds. */
  constructor(limits: { silence: number; inAll: number }) {
    this.#limits = limits;
    this.#start();
  }

  /** Aborts when the time is over. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** There was a sign of progress. */
  touch(): void {
    if (this.#asking > 0) return;
    clearTimeout(this.#silence);
    this.#silence = this.#after(this.#limits.silence, 'no sign of progress');
  }

  /** After it the time begins anew. */
  async whileAsking<T>(ask: () => Promise<T>): Promise<T> {
    this.#asking += 1;
    this.stop();
    try {
      return await ask();
    } finally {
      this.#asking -= 1;
      if (this.#asking === 0) this.#start();
    }
  }

  stop(): void {
    clearTimeout(this.#silence);
    clearTimeout(this.#inAll);
  }

  #start(): void {
    this.touch();
    this.#inAll = this.#after(this.#limits.inAll, 'no answer');
  }

  #after(milliseconds: number, what: string): NodeJS.Timeout {
    const over = () => this.#over.abort(new Error(`there was ${what} within ${milliseconds} ms`));
    // It is no reason for a process to go on.
    return setTimeout(over, milliseconds).unref();
  }
}
