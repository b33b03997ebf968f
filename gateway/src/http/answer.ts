import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Refusal } from './refusal.ts';

/** Answers with an error as JSON, or breaks the connection where an answer has begun. */
export function answerRefusal(response: ServerResponse, refusal: Refusal): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const text = JSON.stringify(refusal.body());
  response.writeHead(refusal.status, refusal.phrase, {
    ...refusal.headers,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    // What may be left of the body is not read, so that the connection cannot be used again.
    ...(response.req.complete ? {} : { connection: 'close' }),
  });
  response.end(text);
}

/** Milliseconds in which a client that was refused closes its side. */
const lastWords = 1_000;

/** The same on a socket that asked for an upgrade or a tunnel. */
export function refuseUpgrade(socket: Duplex, refusal: Refusal): void {
  const headers = Object.entries({ ...refusal.headers, 'content-type': 'application/json' }).flat();
  answerUpgrade(socket, `${refusal.status} ${refusal.phrase}`, headers, JSON.stringify(refusal.body()));
}

/**
 * Answers in place of an upgrade, where nothing has been said yet, and closes the connection.
 *
 * @param status code and reason
 * @param headers names and values in turn; the length of the body is added
 */
export function answerUpgrade(
  socket: Duplex,
  status: string,
  headers: readonly string[],
  body: string | Uint8Array,
): void {
  if (socket.destroyed) return;
  const lines = [...headers, 'content-length', String(Buffer.byteLength(body)), 'connection', 'close'].map(
    (part, index) => (index % 2 === 0 ? `${part}: ` : `${part}\r\n`),
  );
  socket.write(`HTTP/1.1 ${status}\r\n${lines.join('')}\r\n`);
  socket.end(body);
  // What else it sends is thrown away: were it left unread, closing would take the answer back.
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), lastWords);
  socket.once('close', () => clearTimeout(timer));
}
