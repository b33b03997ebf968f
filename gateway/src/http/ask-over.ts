import { type IncomingMessage, request as openRequest } from 'node:http';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Refusal } from './refusal.ts';

export interface Outgoing {
  url: URL;
  /** Connected to an address of the host of `url`. */
  socket: Socket;
  method: string | undefined;
  /** Names in lower case. */
  headers: Readonly<Record<string, string>>;
  body: Buffer | string | undefined;
  signal: AbortSignal;
  /** What is asked, for the sentence on that it was not reached. */
  what: string;
}

/**
 * Asks over a connection that is there. Resolves with the head of the answer, whatever it says; redirects are not followed, so no header
 * goes where it was not meant for.
 *
 * @throws Refusal `bad_gateway`; the signal's reason.
 */
export function askOver({
  url,
  socket,
  method,
  headers,
  body,
  signal,
  what,
}: Outgoing): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const broke = (error: Error) => {
    socket.destroy();
    if (signal.aborted) reject(signal.reason);
    else reject(new Refusal('bad_gateway', `The ${what} ${url.host} was not reached: ${error.message}.`));
  };
  const wire =
    url.protocol === 'https:'
      ? connectTls({ socket, servername: url.hostname, ALPNProtocols: ['http/1.1'] }).on('error', broke)
      : socket;
  const outgoing = openRequest({
    createConnection: () => wire,
    method,
    path: url.pathname + url.search,
    headers: {
      'user-agent': 'dormouse',
      ...headers,
      // Whoever else is at that address must not be the one who gets them.
      ...{ host: url.host, connection: 'close' },
      ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }),
    },
    signal,
  });
  outgoing.once('response', (answer) => {
    answer.once('close', () => socket.destroy());
    resolve(answer);
  });
  outgoing.on('error', broke);
  outgoing.end(body);
  return promise;
}
