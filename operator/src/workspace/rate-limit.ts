/** So many a second, and as many at once; what is beyond that is refused and not kept. */
export class RateLimit {
  readonly #perSecond: number;
  #left: number;
  #at = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#left = perSecond;
  }

  /** Whether there may be one more at this moment (milliseconds). */
  take(now: number): boolean {
    const since = Math.max(0, now - this.#at);
    this.#at = now;
    this.#left = Math.min(this.#perSecond, this.#left + (since * this.#perSecond) / 1000);
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
