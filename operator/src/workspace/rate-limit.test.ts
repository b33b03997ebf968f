import { describe, expect, it } from 'vitest';
import { claimEventsDue } from './diagnosis.ts';
import { RateLimit } from './rate-limit.ts';

describe('a rate limit', () => {
  it('lets as many through as it says, and refuses the rest', () => {
    const limit = new RateLimit(5);
    let through = 0;
    for (let now = 10_000; now < 20_000; now += 10) if (limit.take(now)) through += 1;
    // Five at once, and then five a second.
    expect(through).toBeGreaterThanOrEqual(50);
    expect(through).toBeLessThanOrEqual(55);
  });

  it('is not opened by a clock that goes back', () => {
    const limit = new RateLimit(1);
    expect(limit.take(10_000)).toBe(true);
    expect(limit.take(9_000)).toBe(false);
    expect(limit.take(9_500)).toBe(false);
  });
});

describe('the events of a claim without a volume', () => {
  const claim = {
    metadata: { name: 'c', creationTimestamp: '2026-01-01T00:00:00Z' },
    status: { phase: 'Pending' },
  };
  const created = Date.parse(claim.metadata.creationTimestamp);

  it('are read soon, then ever more seldom, at least every five minutes', () => {
    const moments = [claimEventsDue(claim, undefined) ?? 0];
    for (let times = 1; times < 8; times += 1)
      moments.push(claimEventsDue(claim, { at: moments.at(-1) ?? 0, times }) ?? 0);
    const pauses = moments.map((each, index) => (each - (moments[index - 1] ?? created)) / 1000);
    expect(pauses).toEqual([5, 10, 20, 40, 80, 160, 300, 300]);
  });

  it('are of no interest once it has one', () => {
    expect(claimEventsDue({ ...claim, status: { phase: 'Bound' } }, undefined)).toBeUndefined();
  });
});
