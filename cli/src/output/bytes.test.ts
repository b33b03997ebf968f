import { expect, it } from 'vitest';
import { bytes } from './bytes.ts';

it.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1536, '1.5 KiB'],
  [12 * 1024 * 1024, '12 MiB'],
])('%d bytes are %s', (amount, text) => {
  expect(bytes(amount)).toBe(text);
});
