import type { IncomingHttpHeaders } from 'node:http';
import { text } from 'node:stream/consumers';
import type { WebSocket } from 'ws';

/** The server answered the request for a WebSocket with something else. */
export class NotUpgraded extends Error {
  override readonly name = 'NotUpgraded';
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;

  constructor(status: number, headers: IncomingHttpHeaders, body: string) {
    super(`HTTP ${status}`);
    this.status = status;
    this.headers = headers;
    this.body = body;
  }
}

/**
 * Resolves when the server has agreed. The socket is paused then, so that nothing is lost before somebody listens.
 * @throws NotUpgraded, the error of the connection, or the signal's reason
 */
export async function handshake(socket: WebSocket, signal: AbortSignal): Promise<WebSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<WebSocket>();
  const abort = () => {
    reject(signal.reason);
    socket.terminate();
  };
  socket.once('open', () => {
    socket.pause();
    resolve(socket);
  });
  socket.once('unexpected-response', (request, response) => {
    text(response)
      .catch(() => '')
      .then((body) => {
        reject(new NotUpgraded(response.statusCode ?? 0, response.headers, body));
        request.destroy();
      });
  });
  // It stays: what is torn down later has an error too, and one without a listener ends the process.
  socket.on('error', reject);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await promise;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
