import type { Clock } from '@dormouse/operator/kube';

/** Calls `bite` once when it was not reset for so many milliseconds. A reset costs no timer. */
export class Watchdog {
  readonly #clock: Clock;
  readonly #patience: number;
  readonly #bite: () => void;
  #last: number;
  #cancel: () => void = () => undefined;

  constructor(clock: Clock, patience: number, bite: () => void) {
    this.#clock = clock;
    this.#patience = patience;
    this.#bite = bite;
    this.#last = clock.monotonic();
    this.#arm(patience);
  }

  reset(): void {
    this.#last = this.#clock.monotonic();
  }

  stop(): void {
    this.#cancel();
  }

  #arm(milliseconds: number): void {
    this.#cancel = this.#clock.schedule(milliseconds, () => {
      const left = this.#last + this.#patience - this.#clock.monotonic();
      if (left > 0) this.#arm(left);
      else this.#bite();
    });
  }
}
