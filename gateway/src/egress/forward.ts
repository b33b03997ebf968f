import { type IncomingMessage, request as open, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { endToEnd } from '../http/end-to-end.ts';
import { Meter } from '../limits/index.ts';
import type { Destination } from './destination.ts';
import { EgressRefusal } from './refusal.ts';

/** One plain request of a workspace, and the connection that it goes out by. */
export interface Outgoing {
  request: IncomingMessage;
  response: ServerResponse;
  to: Destination & { path: string };
  upstream: Socket;
  signal: AbortSignal;
  count: (direction: 'out' | 'in', bytes: number) => void;
}

/**
 * Sends one request and its answer back, no faster than each side reads. Redirects are the client's to follow: it asks
 * again, and is judged again.
 *
 * @throws EgressRefusal, or the signal's reason.
 */
export async function forward(outgoing: Outgoing): Promise<void> {
  const { request, response, upstream, signal, count } = outgoing;
  try {
    // The body is framed anew, and any other coding would have to be undone.
    if (!/^(chunked)?$/i.test(request.headers['transfer-encoding'] ?? ''))
      throw new EgressRefusal('invalid', 'Transfer-Encoding can be nothing but chunked.');
    const answer = await send(outgoing);
    response.writeHead(answer.statusCode ?? 502, endToEnd(answer.rawHeaders).flat());
    response.flushHeaders();
    const counted = new Meter(Number.POSITIVE_INFINITY, (bytes) => count('in', bytes));
    await pipeline(answer, counted, response, { signal });
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof EgressRefusal) throw error;
    throw new EgressRefusal(
      'broken',
      `The answer of ${outgoing.to.host} broke off: ${(error as Error).message}`,
    );
  } finally {
    request.unpipe();
    upstream.destroy();
  }
}

/** Resolves with the head of the answer. */
function send({ request, to, upstream, signal, count }: Outgoing): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const withheld = new Set(['host', 'expect']);
  const chunked = request.headers['transfer-encoding'] !== undefined;
  const outgoing = open({
    createConnection: () => upstream,
    method: request.method ?? 'GET',
    path: to.path,
    signal,
    headers: [
      ...endToEnd(request.rawHeaders)
        .filter(([name]) => !withheld.has(name.toLowerCase()))
        .flat(),
      ...['host', hostOf(to), 'via', '1.1 dormouse', 'connection', 'close'],
      ...(chunked ? ['transfer-encoding', 'chunked'] : []),
    ],
  });
  outgoing.once('response', resolve);
  outgoing.on('error', (error) =>
    reject(new EgressRefusal('broken', `${to.host} went away before it answered: ${error.message}.`)),
  );
  if (chunked || Number(request.headers['content-length'] ?? 0) > 0)
    request.pipe(new Meter(Number.POSITIVE_INFINITY, (bytes) => count('out', bytes))).pipe(outgoing);
  else outgoing.end();
  return promise;
}

function hostOf({ host, port }: Destination): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === 80 ? name : `${name}:${port}`;
}
