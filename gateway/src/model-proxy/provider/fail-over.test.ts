import { describe, expect, it } from 'vitest';
import { inOrder, type Outcome, restAfter } from './fail-over.ts';

const answered = (status: number, retryAfter?: number, json = true): Outcome => ({
  kind: 'answered',
  ...{ status, json, retryAfter },
});

describe('a provider', () => {
  it.each([
    [{ kind: 'unreached' } as Outcome, 10_000],
    [answered(429), 15_000],
    [answered(429, 2_000), 2_000],
    [answered(429, 3_600_000), 60_000],
    [answered(529), 15_000],
    [answered(503), 15_000],
    [answered(500), 5_000],
    [answered(502, 0), 0],
    [answered(504), 5_000],
    [answered(404, undefined, false), 5_000],
  ])('that came to %j is left alone for %d ms, and the next one is asked', (outcome, rest) => {
    expect(restAfter(outcome)).toBe(rest);
  });

  it.each([200, 400, 401, 403, 404, 408, 413])('whose answer is %d is the one that is heard', (status) => {
    expect(restAfter(answered(status))).toBeUndefined();
  });

  it('that rests is asked after the others, and not never', () => {
    const until: Record<string, number> = { a: 0, b: 130, c: 0, d: 120, e: 90 };
    expect(inOrder(['b', 'a', 'd', 'c', 'e'], (name) => until[name] ?? 0, 100)).toEqual([
      'a',
      'c',
      'e',
      'd',
      'b',
    ]);
  });
});
