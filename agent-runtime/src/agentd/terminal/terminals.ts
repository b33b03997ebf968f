import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { z } from 'zod';
import {
  type TerminalRequest,
  type TerminalState,
  terminalList,
  terminalProtocol,
  terminalState,
} from '../../protocol/terminals.ts';
import { terminalUpgrade } from '../../protocol/tools-api.ts';
import { askedOfTools } from '../api/asked-of-tools.ts';
import { HttpError } from '../api/error.ts';
import type { ToolsClient } from '../tools/tools-client.ts';
import { relay } from './relay.ts';
import { acceptWebSocket } from './web-socket.ts';

/** WebSocket close codes (RFC 6455, section 7.4). */
const goingAway = 1001;

/** The terminals of the workspace, as clients reach them. They run in the other container; here, nothing of them does. */
export class Terminals {
  readonly #client: Pick<ToolsClient, 'call' | 'upgrade'>;
  readonly #attached = new Set<WebSocket>();

  constructor(client: Pick<ToolsClient, 'call' | 'upgrade'>) {
    this.#client = client;
  }

  /** @throws HttpError, as all others here. */
  open(request: TerminalRequest): Promise<TerminalState> {
    return askedOfTools('terminal', this.#client.call('POST', '/terminals', request, terminalState));
  }

  async list(): Promise<TerminalState[]> {
    const { terminals } = await askedOfTools(
      'terminal',
      this.#client.call('GET', '/terminals', undefined, terminalList),
    );
    return terminals;
  }

  /** Hangs up; resolves when all that ran on it has ended. */
  async end(id: string): Promise<void> {
    await askedOfTools('terminal', this.#client.call('DELETE', pathOf(id), undefined, z.object({})));
  }

  /** Answers the request with a WebSocket that shows the terminal. Resolves when it is open. */
  async attach(id: string, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((each) => each.trim());
    if (!offered.includes(terminalProtocol))
      throw new HttpError(
        'invalid',
        `A terminal is a WebSocket of the subprotocol ${terminalProtocol}: offer it in Sec-WebSocket-Protocol.`,
      );
    const upstream = await askedOfTools('terminal', this.#client.upgrade(pathOf(id), terminalUpgrade));
    // The client may be gone meanwhile, or be none that speaks WebSocket.
    socket.once('close', () => upstream.destroy());
    upstream.on('error', () => upstream.destroy());
    if (socket.destroyed) upstream.destroy();
    const client = await acceptWebSocket(request, socket, head);
    this.#attached.add(client);
    client.once('close', () => this.#attached.delete(client));
    relay(client, upstream);
  }

  /** Lets every client go; the terminals stay. */
  close(): void {
    for (const client of this.#attached) client.close(goingAway, 'The agent is stopping.');
  }
}

function pathOf(id: string): string {
  return `/terminals/${encodeURIComponent(id)}`;
}
