/** What a server may demand at once, and what is remembered in all: its words are shown to a person and to the model. */
const most = { scopes: 64, characters: 256 };

/** A scope as RFC 6749 spells it; nothing else of what a server says goes any further. */
const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/** The scopes of a list that is separated by spaces, each once and in order; without what is none. */
export function scopesOf(list: string | undefined): string[] {
  const tokens = (list ?? '').split(/\s+/);
  const scopes = tokens.filter((token) => token.length <= most.characters && scopeToken.test(token));
  return [...new Set(scopes)].slice(0, most.scopes);
}

/** All of them, or undefined where there is none. */
export function unionOf(...lists: (string | undefined)[]): string | undefined {
  return scopesOf(lists.flatMap(scopesOf).join(' ')).join(' ') || undefined;
}

/** A server refused a token that has too little; `scopes` is what it demands, which may be nothing. */
export function demandOf(error: unknown): { scopes: string[] } | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error.name !== 'InsufficientScopeError') return demandOf(error.cause);
  const { requiredScope } = error as { requiredScope?: unknown };
  return { scopes: scopesOf(typeof requiredScope === 'string' ? requiredScope : undefined) };
}

/** A server demands more than the token has that it was shown. It did nothing. */
export class MoreScopesWanted extends Error {
  override readonly name = 'MoreScopesWanted';

  /** Who can help depends on where the token is from: a person's sign-in, client credentials, or headers. */
  constructor(server: { name: string; oauth?: unknown }, scopes: readonly string[], signedIn: boolean) {
    const what =
      scopes.length === 0
        ? 'more scopes than it was granted, and does not say which'
        : `the scopes ${scopes.join(' ')}`;
    const help = signedIn
      ? `dormouse mcp WORKSPACE --sign-in ${server.name} has somebody grant them`
      : server.oauth === undefined
        ? 'the token in its headers does not give them'
        : 'its client credentials do not give them; they are asked for by oauth.scopes of its declaration';
    super(`it wants ${what}: ${help}`);
  }
}
