/** A clock whose hands the test moves. Timers fire in order of their time, each at its own instant. */
export class FakeClock {
  #now: number;
  #sequence = 0;
  #timers = new Map<number, { at: number; callback: () => void }>();

  constructor(start = Date.UTC(2030, 0, 1)) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  schedule(milliseconds: number, callback: () => void): () => void {
    const id = ++this.#sequence;
    this.#timers.set(id, { at: this.#now + milliseconds, callback });
    return () => this.#timers.delete(id);
  }

  /** Timers that have not fired. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Goes on by so many milliseconds; promises that timers resolve are settled before the next timer fires. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    for (;;) {
      await settled();
      let first: { id: number; at: number; callback: () => void } | undefined;
      for (const [id, timer] of this.#timers) {
        if (timer.at <= end && (first === undefined || timer.at < first.at)) first = { id, ...timer };
      }
      if (first === undefined) break;
      this.#timers.delete(first.id);
      this.#now = Math.max(this.#now, first.at);
      first.callback();
    }
    this.#now = end;
    await settled();
  }
}

/** All microtasks that can run have run. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
