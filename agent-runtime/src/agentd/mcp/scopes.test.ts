import { expect, it } from 'vitest';
import { demandOf, MoreScopesWanted, scopesOf, unionOf } from './scopes.ts';

it('takes from a server what is a scope, each once, and nothing else', () => {
  expect(scopesOf('repo:write  read read')).toEqual(['repo:write', 'read']);
  expect(scopesOf(`ok "quoted" back\\slash caf\u00e9 \u001b[31m ${'x'.repeat(257)}`)).toEqual(['ok']);
  expect(scopesOf(Array.from({ length: 100 }, (_, at) => `s${at}`).join(' '))).toHaveLength(64);
  expect(unionOf('a b', undefined, 'b c')).toBe('a b c');
  expect(unionOf(undefined, ' ')).toBeUndefined();
});

it('finds the demand in an error, and in what caused it', () => {
  const refusal = Object.assign(new Error(), { name: 'InsufficientScopeError', requiredScope: 'a b' });
  expect(demandOf(new Error('call', { cause: refusal }))).toEqual({ scopes: ['a', 'b'] });
  expect(demandOf(new Error('other'))).toBeUndefined();
});

it('says who can help', () => {
  const why = (server: { oauth?: object }, signedIn: boolean, scopes = ['a']) =>
    new MoreScopesWanted({ name: 'web', ...server }, scopes, signedIn).message;
  expect(why({}, true)).toContain('dormouse mcp WORKSPACE --sign-in web');
  expect(why({ oauth: {} }, false)).toContain('oauth.scopes');
  expect(why({}, false)).toContain('headers');
  expect(why({}, true, [])).toContain('does not say which');
});
