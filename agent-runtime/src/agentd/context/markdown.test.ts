import { describe, expect, it } from 'vitest';
import { proseOf, withoutComments } from './markdown.ts';
import { importsOf } from './memory/imports.ts';

describe('imports', () => {
  it.each([
    ['@a.md', ['/w/a.md']],
    ['- @docs/a.md, see (@./b.md).', ['/w/docs/a.md', '/w/b.md']],
    ['@~/x @/abs/y @../z', ['/home/x', '/abs/y', '/z']],
    ['with@mail.org `@code` ``@a ` @b`` @c', ['/w/c']],
    ['`open @a', ['/w/a']],
    ['`open\n\n@a` @b', ['/w/a', '/w/b']],
    ['```\n@code\n```\n@a\n~~~ts\n@code\n```\n@code\n~~~\n@b', ['/w/a', '/w/b']],
    ['````\n```\n@code\n````\n@a', ['/w/a']],
    ['```\n@never ends', []],
    ['@with\\ space.md @a @a', ['/w/with space.md', '/w/a']],
    ['@ and @, alone', []],
  ])('of %j are %j', (text, paths) => {
    expect(importsOf(text, '/w/CLAUDE.md', '/home')).toEqual(paths);
  });

  it('of a text made to be slow are found in no time', () => {
    const started = performance.now();
    for (const piece of ['` ', '`` ` ', '@', '@.', '<!--\n', '```\n', '\n \n', '@\\ '])
      importsOf(withoutComments(piece.repeat(160_000 / piece.length)), '/w/CLAUDE.md', '/home');
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

describe('comments', () => {
  it('that begin a line are left out, not those in code or in a sentence', () => {
    const text = 'a\n<!-- one\ntwo -->\nb <!-- stays -->\n```\n<!-- code -->\n```\n<!-- open';
    expect(withoutComments(text)).toBe('a\nb <!-- stays -->\n```\n<!-- code -->\n```\n<!-- open');
  });
});

describe('prose', () => {
  it('is what is no code', () => {
    expect(proseOf('a `b` c\n```\nd\n```\ne').join('')).toBe('a  c\ne');
  });
});
