/** Steps of one comparison of all rules with a command. Beyond, everything is taken to match. */
const budget = 4_000_000;

/** How much work comparisons may still take. */
export class Effort {
  #left = budget;

  /** False when it is used up. */
  spend(steps: number): boolean {
    this.#left -= steps;
    return this.#left >= 0;
  }
}
