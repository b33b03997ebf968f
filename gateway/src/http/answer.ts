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
  const text = JSON.stringify(refusal.body());
  const headers = {
    ...refusal.headers,
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(text)),
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${refusal.status} ${refusal.phrase}\r\n${lines.join('')}\r\n${text}`);
  // What else it sends is thrown away: were it left unread, closing would take the answer back.
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), lastWords);
  socket.once('close', () => clearTimeout(timer));
}
