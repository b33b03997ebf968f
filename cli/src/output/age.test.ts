import { expect, it } from 'vitest';
import { age, span } from './age.ts';

it.each([
  [0, '0s'],
  [119_999, '119s'],
  [150_000, '2m30s'],
  [300_000, '5m'],
  [3_600_000, '60m'],
  [4 * 3_600_000 + 5 * 60_000, '4h5m'],
  [30 * 3_600_000, '30h'],
  [3 * 86_400_000 + 3_600_000, '3d1h'],
  [100 * 86_400_000, '100d'],
  [3 * 365 * 86_400_000, '3y'],
])('%d milliseconds are shown as kubectl does: %s', (milliseconds, text) => {
  expect(span(milliseconds)).toBe(text);
});

it('an age that lies in the future, as between two clocks, is none; no instant has no age', () => {
  const now = Date.UTC(2030, 0, 1);
  expect(age('2030-01-01T00:00:05Z', now)).toBe('0s');
  expect(age(undefined, now)).toBe('');
});
