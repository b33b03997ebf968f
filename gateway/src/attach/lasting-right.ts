import type { Clock } from '@dormouse/operator/kube';
import { Refusal } from '../http/refusal.ts';

export interface LastingRightOptions {
  clock: Clock;
  /** Milliseconds between two questions. */
  every: number;
  /** Rejects where somebody may not go on. */
  check: () => Promise<void>;
  /** Called once, with what the question was answered. */
  lost: (reason: unknown) => void;
}

/** Questions in a row to which the API server may owe the answer: a restart of it ends nobody's work. */
const unanswered = 5;

/**
 * Asks again and again whether what is open may stay open, until the returned function is called. A right that was taken
 * away, or a token that has expired, ends it; an API server that does not answer does so only after a while.
 */
export function keepAsking({ clock, every, check, lost }: LastingRightOptions): () => void {
  let owed = 0;
  let stopped = false;
  let cancel: () => void = () => undefined;
  const ask = async () => {
    try {
      await check();
      owed = 0;
    } catch (error) {
      owed += 1;
      const silent = error instanceof Refusal && error.code === 'unavailable' && owed < unanswered;
      if (!silent && !stopped) {
        stopped = true;
        lost(error);
      }
    }
    if (!stopped) later();
  };
  const later = () => {
    cancel = clock.schedule(every, () => void ask());
  };
  later();
  return () => {
    stopped = true;
    cancel();
  };
}
