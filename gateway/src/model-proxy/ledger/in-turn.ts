/** Runs what concerns the same key one after another, in the order in which it was asked for. */
export class InTurn {
  readonly #last = new Map<string, Promise<unknown>>();

  take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const taken = before.then(work, work);
    this.#last.set(key, taken);
    const done = () => {
      if (this.#last.get(key) === taken) this.#last.delete(key);
    };
    taken.then(done, done);
    return taken;
  }

  /** Resolves when nothing runs and nothing waits. */
  async idle(): Promise<void> {
    while (this.#last.size > 0) await Promise.allSettled(this.#last.values());
  }
}
