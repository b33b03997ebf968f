import type { ModelFailure } from './failure.ts';

/** Milliseconds. A wrong credential is tried again slowly: a new one wakes the wait anyway. */
const limits = {
  first: 500,
  most: 30_000,
  unauthorizedFirst: 5_000,
  unauthorizedMost: 300_000,
  hintMost: 3_600_000,
};

/**
 * How long to wait before trying again: what the server asked for, else doubling from half a second to half a minute.
 * Jitter takes off up to a quarter; to a server's hint it only adds, since coming early is what it asked not to do.
 *
 * @param attempt how often this request has failed, from 1
 * @param random in [0, 1)
 */
export function backoff(failure: ModelFailure, attempt: number, random: number): number {
  if (failure.retryAfterMs !== undefined) {
    return Math.min(failure.retryAfterMs, limits.hintMost) + Math.round(random * 250);
  }
  const [first, most] =
    failure.reason === 'Unauthorized'
      ? [limits.unauthorizedFirst, limits.unauthorizedMost]
      : [limits.first, limits.most];
  return Math.round(Math.min(most, first * 2 ** Math.min(attempt - 1, 20)) * (1 - random / 4));
}
