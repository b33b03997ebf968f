/** Headers of one connection, not of the message. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * What a client may not tell a workspace: its credentials, and whatever a workspace could take for the gateway's own word.
 * Cookies of the gateway's host belong to whatever stands before it and to other workspaces.
 */
const withheld = new Set(['authorization', 'cookie', 'host', 'forwarded', 'x-real-ip', 'expect']);
const withheldPrefixes = ['x-dormouse-', 'x-forwarded-', 'impersonate-'];

/** The headers of a request that go on to the workspace: names and values in turn, to be followed by the gateway's own. */
export function requestHeaders(raw: readonly string[]): string[] {
  const named = namedByConnection(raw);
  return pairs(raw)
    .filter(([name]) => {
      const lower = name.toLowerCase();
      if (hopByHop.has(lower) || named.has(lower) || withheld.has(lower)) return false;
      // "_" and "-" are one to many a server behind.
      const plain = lower.replaceAll('_', '-');
      return !withheldPrefixes.some((prefix) => plain.startsWith(prefix));
    })
    .flat();
}

/** The headers of an answer that go on to the client. */
export function responseHeaders(raw: readonly string[], rewriteLocation: (to: string) => string): string[] {
  const named = namedByConnection(raw);
  return pairs(raw)
    .filter(([name]) => {
      const lower = name.toLowerCase();
      return !hopByHop.has(lower) && !named.has(lower) && lower !== 'set-cookie';
    })
    .flatMap(([name, value]) => [name, name.toLowerCase() === 'location' ? rewriteLocation(value) : value]);
}

/** `Connection: close, X-Mine` makes X-Mine hop-by-hop as well; framing is never the sender's to take away. */
function namedByConnection(raw: readonly string[]): Set<string> {
  const names = pairs(raw)
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.split(',').map((each) => each.trim().toLowerCase()));
  return new Set(names.filter((each) => each !== 'content-length'));
}

function pairs(raw: readonly string[]): [string, string][] {
  const result: [string, string][] = [];
  for (let index = 0; index + 1 < raw.length; index += 2)
    result.push([raw[index] as string, raw[index + 1] as string]);
  return result;
}
