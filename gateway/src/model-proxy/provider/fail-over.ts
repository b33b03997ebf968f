/** What became of asking a provider, before the first byte of its answer went on. */
export type Outcome =
  /** No connection, or it broke before an answer. */
  | { kind: 'unreached' }
  /** `json`: as the Messages API answers. `retryAfter`: milliseconds that the provider asked to wait. */
  | { kind: 'answered'; status: number; json: boolean; retryAfter: number | undefined };

/** Milliseconds for which a provider that failed is asked last. */
const rests = { unreached: 10_000, limited: 15_000, overloaded: 15_000, failing: 5_000 };
const longestRest = 60_000;

/**
 * Milliseconds for which the provider is to be left alone, while another one is asked; undefined where its answer is for the client.
 * A key that is refused is not: somebody has to mend it, and would not learn of it. A 404 that is not JSON comes from a router that does
 * not know, for the moment, where the provider is.
 */
export function restAfter(outcome: Outcome): number | undefined {
  if (outcome.kind === 'unreached') return rests.unreached;
  const { status, json, retryAfter } = outcome;
  const rest =
    status === 429
      ? rests.limited
      : status === 529 || status === 503
        ? rests.overloaded
        : status >= 500 || (status === 404 && !json)
          ? rests.failing
          : undefined;
  return rest === undefined ? undefined : Math.min(retryAfter ?? rest, longestRest);
}

/**
 * The order in which to ask: those that rest come after the others, and first the one that has rested most. Nobody is left out: when
 * all failed, asking is the way to learn that one is back.
 *
 * @param restsUntil 0 where a provider does not rest; on the clock of `now`
 */
export function inOrder<P>(providers: readonly P[], restsUntil: (provider: P) => number, now: number): P[] {
  const until = (provider: P) => Math.max(restsUntil(provider) - now, 0);
  return [...providers].sort((a, b) => until(a) - until(b));
}
