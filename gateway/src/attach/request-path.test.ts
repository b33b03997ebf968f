import { describe, expect, it } from 'vitest';
import { parseRequestPath } from './request-path.ts';

describe('a request path', () => {
  it('is taken apart and left as it is', () => {
    expect(parseRequestPath('/a/b%20c/%C3%A9//d.e/...?x=../%2F&y')).toEqual({
      segments: ['a', 'b%20c', '%C3%A9', '', 'd.e', '...'],
      query: '?x=../%2F&y',
    });
  });

  it.each([
    ['', 'it must be a path'],
    ['a', 'it must be a path'],
    ['http://elsewhere/a', 'it must be a path'],
    ['*', 'it must be a path'],
    ['/a/..', '"." or ".."'],
    ['/./a', '"." or ".."'],
    ['/a/%2E%2e/b', '"." or ".."'],
    ['/a/.%2e', '"." or ".."'],
    ['/a%2Fb', 'encoded slash'],
    ['/a%5cb', 'encoded slash'],
    ['/a%00', 'control character'],
    ['/a%0D%0Ab', 'control character'],
    ['/a\\b', '"\\"'],
    ['/a#b', '"#"'],
    ['/a%', 'begins no escape'],
    ['/a%zz', 'begins no escape'],
    ['/a b', 'percent-encoded'],
    ['/é', 'percent-encoded'],
  ])('is refused where readers could differ: %s', (target, why) => {
    expect(() => parseRequestPath(target)).toThrow(why);
  });
});
