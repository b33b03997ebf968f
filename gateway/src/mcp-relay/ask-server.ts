import { type IncomingMessage, request as openRequest } from 'node:http';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Refusal } from '../http/refusal.ts';

/** What a client of MCP says in headers; nothing else goes on. */
const passed = [
  'accept',
  'content-type',
  'last-event-id',
  'mcp-method',
  'mcp-name',
  'mcp-protocol-version',
  'mcp-session-id',
];

export interface Question {
  url: URL;
  /** Connected to an address of the host of `url`. */
  socket: Socket;
  request: IncomingMessage;
  /** Besides those of the client, and in their place. */
  headers: readonly [name: string, value: string][];
  body: Buffer;
  signal: AbortSignal;
}

/**
 * Asks a server over a connection that is there. Resolves with the head of its answer, whatever it says; redirects are not followed, so no
 * header goes where it was not meant for.
 *
 * @throws Refusal `bad_gateway`; the signal's reason.
 */
export function askServer({
  url,
  socket,
  request,
  headers,
  body,
  signal,
}: Question): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const all: Record<string, string> = { host: url.host, connection: 'close', 'user-agent': 'dormouse' };
  for (const name of passed) {
    const value = request.headers[name];
    if (typeof value === 'string') all[name] = value;
  }
  for (const [name, value] of headers) all[name.toLowerCase()] = value;
  if (request.method === 'POST') all['content-length'] = String(body.length);
  const broke = (error: Error) => {
    socket.destroy();
    if (signal.aborted) reject(signal.reason);
    else reject(new Refusal('bad_gateway', `The MCP server ${url.host} was not reached: ${error.message}.`));
  };
  const wire =
    url.protocol === 'https:'
      ? connectTls({ socket, servername: url.hostname, ALPNProtocols: ['http/1.1'] }).on('error', broke)
      : socket;
  const outgoing = openRequest({
    createConnection: () => wire,
    method: request.method,
    path: url.pathname + url.search,
    headers: all,
    signal,
  });
  outgoing.once('response', (answer) => {
    answer.once('close', () => socket.destroy());
    resolve(answer);
  });
  outgoing.on('error', broke);
  outgoing.end(request.method === 'POST' ? body : undefined);
  return promise;
}
