/** Carries out tasks one after another, in the order in which they came. One that fails keeps none from following. */
export class OneAfterAnother {
  #last: Promise<unknown> = Promise.resolve();

  /** Settles as the task does. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(task);
    // Whoever gave it learns of its failure.
    this.#last = mine.catch(() => undefined);
    return mine;
  }
}
