import { expect, it } from 'vitest';
import { printable } from './printable.ts';

it('text of others cannot steer the terminal, and keeps its lines and tabs', () => {
  expect(printable('a\tb\r\nc\x1b]0;title\x07 \x9b2J\rd')).toBe('a\tb\nc�]0;title� �2J�d');
});
