import { expect, test } from 'vitest';
import { nextNotice } from './notice-pace.ts';

const now = Date.parse('2026-11-28T08:00:00Z');
const ago = (seconds: number) => now - seconds * 1000;

test('the first notice comes at once, the next five seconds after it', () => {
  expect(nextNotice([], now)).toBe(now);
  expect(nextNotice([ago(2)], now)).toBe(now + 3_000);
  expect(nextNotice([ago(5)], now)).toBe(now);
});

test('there are thirty within an hour, whatever is printed', () => {
  const begun = Array.from({ length: 30 }, (_, at) => ago(3_000 - at * 60));
  expect(nextNotice(begun.slice(1), now)).toBe(now);
  expect(nextNotice(begun, now)).toBe(now + 600_000);
});
