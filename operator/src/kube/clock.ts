/** Time, as everything with a deadline in the operator takes it, so that tests can hold the hands. */
export interface Clock {
  /** Milliseconds of the wall clock since the epoch: for what is written into objects. */
  now(): number;
  /** Milliseconds that never go backwards: for what is compared with a duration. */
  monotonic(): number;
  /** Calls `callback` once after `milliseconds`, unless the returned function is called before. A time that is over by now is none. */
  schedule(milliseconds: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule(milliseconds, callback) {
    const timer = setTimeout(callback, Math.max(0, milliseconds));
    return () => clearTimeout(timer);
  },
};

/** Resolves after `milliseconds`, or at once when `signal` aborts: the caller looks at the signal. */
export function delay(clock: Clock, milliseconds: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.schedule(milliseconds, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}
