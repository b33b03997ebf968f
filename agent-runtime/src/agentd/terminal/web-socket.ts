import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { terminalProtocol } from '../../protocol/terminals.ts';

/** Bytes of one message: what is pasted at once. */
const longestMessage = 1024 * 1024;

/**
 * Agrees to the WebSocket that a request asks for. Where the request is none that can be agreed to it is answered, and the
 * promise stays open. The library is loaded when first needed: a wake does not wait for it.
 */
export async function acceptWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<WebSocket> {
  const { WebSocketServer } = await import('ws');
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: longestMessage,
    handleProtocols: () => terminalProtocol,
  });
  return new Promise((resolve) => server.handleUpgrade(request, socket, head, resolve));
}
