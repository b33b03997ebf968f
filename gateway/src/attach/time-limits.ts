import { Refusal } from '../http/refusal.ts';
import { Watchdog } from '../limits/index.ts';
import type { Exchange } from './forward.ts';

/** The times that an exchange has, of what is no stream: tells once, with the reason, when one of them is over. */
export class TimeLimits {
  readonly #dog: Watchdog;
  readonly #cancelTotal: () => void;

  constructor(
    { request, limits, clock }: Pick<Exchange, 'request' | 'limits' | 'clock'>,
    over: (refusal: Refusal) => void,
  ) {
    this.#dog = new Watchdog(clock, limits.idle, () =>
      over(
        request.complete
          ? new Refusal('gateway_timeout', `The workspace sent nothing for ${limits.idle} ms.`)
          : new Refusal('timeout', `Nothing of the body came for ${limits.idle} ms.`),
      ),
    );
    this.#cancelTotal = clock.schedule(limits.total, () =>
      over(new Refusal('gateway_timeout', `The answer was not complete after ${limits.total} ms.`)),
    );
  }

  /** A byte passed, in either direction. */
  passed(): void {
    this.#dog.reset();
  }

  stop(): void {
    this.#dog.stop();
    this.#cancelTotal();
  }
}
