import { expect, test } from 'vitest';
import { PathPattern } from './path-pattern.ts';

function matches(pattern: string, path: string): boolean {
  return new PathPattern(pattern).matches(path);
}

test.each([
  ['*.ts', 'a.ts', true],
  ['*.ts', '.a.ts', true],
  ['*.ts', 'src/a.ts', false],
  ['**/*.ts', 'a.ts', true],
  ['**/*.ts', '.config/.deep/a.ts', true],
  ['src/**', 'src/a/b', true],
  ['*/**', 'a', false],
  ['**/x/**/y', 'x/y', true],
  ['**/x/**/y', 'a/x/b/c/y', true],
  ['**/x/**/y', 'a/y', false],
  ['*.{ts,tsx}', 'a.tsx', true],
  ['{src,lib/{a,b}}/*', 'lib/b/c', true],
  ['{src,lib/{a,b}}/*', 'lib/c', false],
  ['{one}', '{one}', true],
  ['a\\*b', 'a*b', true],
  ['a\\*b', 'axb', false],
  ['[a-c]?[!x]', 'b€y', true],
  ['[a-c]?[!x]', 'b€x', false],
  ['[]]', ']', true],
  ['[', '[', true],
  ['a*b*c', 'aXbXbXc', true],
])('%s and %s: %s', (pattern, path, expected) => {
  expect(matches(pattern, path)).toBe(expected);
});

test('a pattern made to be slow is not', () => {
  expect(matches(`${'*a'.repeat(60)}b`, 'a'.repeat(255))).toBe(false);
  expect(() => new PathPattern('{a,b}'.repeat(20))).toThrow('alternatives');
});
