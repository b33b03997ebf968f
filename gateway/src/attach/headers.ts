import { endToEnd } from '../http/end-to-end.ts';

/**
 * What a client may not tell a workspace: its credentials, and whatever a workspace could take for the gateway's own word.
 * Cookies of the gateway's host belong to whatever stands before it and to other workspaces.
 */
const withheld = new Set(['authorization', 'cookie', 'host', 'forwarded', 'x-real-ip', 'expect']);
const withheldPrefixes = ['x-dormouse-', 'x-forwarded-', 'impersonate-'];

/** The headers of a request that go on to the workspace: names and values in turn, to be followed by the gateway's own. */
export function requestHeaders(raw: readonly string[]): string[] {
  return endToEnd(raw)
    .filter(([name]) => {
      const lower = name.toLowerCase();
      if (withheld.has(lower)) return false;
      // "_" and "-" are one to many a server behind.
      const plain = lower.replaceAll('_', '-');
      return !withheldPrefixes.some((prefix) => plain.startsWith(prefix));
    })
    .flat();
}

/** The headers of an answer that go on to the client. */
export function responseHeaders(raw: readonly string[], rewriteLocation: (to: string) => string): string[] {
  return endToEnd(raw)
    .filter(([name]) => name.toLowerCase() !== 'set-cookie')
    .flatMap(([name, value]) => [name, name.toLowerCase() === 'location' ? rewriteLocation(value) : value]);
}

/** Whether an answer with these headers, names and values in turn, is a stream of events. */
export function isEventStream(raw: readonly string[]): boolean {
  return raw.some(
    (name, index) =>
      index % 2 === 0 &&
      name.toLowerCase() === 'content-type' &&
      /^text\/event-stream\b/i.test(raw[index + 1] ?? ''),
  );
}
