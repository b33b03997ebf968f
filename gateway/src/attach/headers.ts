import type { ServerResponse } from 'node:http';
import { endToEnd } from '../http/end-to-end.ts';

/**
 * What a client may not tell a workspace: its credentials, and whatever a workspace could take for the gateway's own word.
 * Cookies of the gateway's host belong to whatever stands before it and to other workspaces.
 */
const withheld = new Set(['authorization', 'cookie', 'host', 'forwarded', 'x-real-ip', 'expect']);
const withheldPrefixes = ['x-dormouse-', 'x-forwarded-', 'impersonate-'];

/**
 * The headers of a request that go on to the workspace: names and values in turn, to be followed by the gateway's own.
 * @param own those, with names in lower case; a client's of the same name stay behind
 */
export function requestHeaders(raw: readonly string[], own: readonly string[] = []): string[] {
  const taken = new Set(own.filter((_, index) => index % 2 === 0));
  return endToEnd(raw)
    .filter(([name]) => {
      const lower = name.toLowerCase();
      if (withheld.has(lower) || taken.has(lower)) return false;
      // "_" and "-" are one to many a server behind.
      const plain = lower.replaceAll('_', '-');
      return !withheldPrefixes.some((prefix) => plain.startsWith(prefix));
    })
    .flat();
}

/** The headers of an answer that go on to the client. Which pages may read it is the gateway's to say. */
export function responseHeaders(raw: readonly string[], rewriteLocation: (to: string) => string): string[] {
  return endToEnd(raw)
    .filter(([name]) => !/^(set-cookie$|access-control-)/i.test(name))
    .flatMap(([name, value]) => [name, name.toLowerCase() === 'location' ? rewriteLocation(value) : value]);
}

/** Begins an answer as the workspace began it, with what the gateway has put on it before. It goes out with what follows, or by `flushHeaders`. */
export function passHead(
  response: ServerResponse,
  status: number | undefined,
  raw: readonly string[],
  rewriteLocation: (to: string) => string,
): void {
  const headers = responseHeaders(raw, rewriteLocation);
  // Of the others the workspace's own takes the place of the gateway's; what an answer depends on adds up.
  const vary = response.getHeader('vary');
  if (vary !== undefined) headers.push('vary', String(vary));
  response.writeHead(status ?? 502, headers);
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
