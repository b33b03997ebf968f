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

/** The headers of a message that go on to the next server; `raw` has names and values in turn. */
export function endToEnd(raw: readonly string[]): [name: string, value: string][] {
  const all = pairs(raw);
  const named = namedByConnection(all);
  return all.filter(([name]) => {
    const lower = name.toLowerCase();
    return !hopByHop.has(lower) && !named.has(lower);
  });
}

/** `Connection: close, X-Mine` makes X-Mine hop-by-hop as well; framing is never the sender's to take away. */
function namedByConnection(all: readonly [string, string][]): Set<string> {
  const names = all
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
