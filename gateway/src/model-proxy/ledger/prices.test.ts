import { describe, expect, it } from 'vitest';
import { highestPrice, millionths, priceOf } from './prices.ts';

const prices = { model: 'm', input: '3', output: '15', cacheRead: '0.30', cacheWrite: '3.75' };
const usage = { inputTokens: 1_000, outputTokens: 200, cacheReadTokens: 10_000, cacheWriteTokens: 400 };

describe('a price', () => {
  it('is of a million tokens of each kind, in millionths, rounded up once', () => {
    expect(priceOf(usage, prices)).toBe(3_000 + 3_000 + 3_000 + 1_500);
    const one = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 1, cacheWriteTokens: 0 };
    expect(priceOf(one, prices)).toBe(1);
    // 0.1 + 0.2 would be more than 0.3 in floating point.
    expect(priceOf({ ...one, cacheReadTokens: 10 }, prices)).toBe(3);
  });

  it('is that of input where the cache has none of its own, and nothing without prices', () => {
    expect(priceOf(usage, { model: 'm', input: '1', output: '1' })).toBe(11_600);
    expect(priceOf(usage, undefined)).toBe(0);
  });

  it('is highest where all input is written to the cache', () => {
    expect(highestPrice({ inputTokens: 100, outputTokens: 10 }, prices)).toBe(375 + 150);
  });

  it.each([
    ['50', 50_000_000n],
    ['0.30', 300_000n],
    ['0.000001', 1n],
    ['999999999.999999', 999_999_999_999_999n],
  ])('of %s is %s millionths', (text, value) => expect(millionths(text)).toBe(value));
});
