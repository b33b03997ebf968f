import { once } from 'node:events';
import {
  type ExitMessage,
  resizeMessage,
  type TerminalRequest,
  type TerminalState,
  terminalProtocol,
  terminalRequest,
} from '@dormouse/agent-runtime/protocol';
import { type WebSocket, WebSocketServer } from 'ws';
import { answer, type GatewayStandIn } from './gateway-stand-in.ts';

/** One terminal `t1` of the stand-in's workspace, played by a test. */
export class TerminalStandIn {
  /** What was asked for when it was opened. */
  readonly opened: TerminalRequest[] = [];
  /** All that was typed. */
  typed = '';
  /** Each size that it was told, `COLUMNSxROWS`. */
  readonly sizes: string[] = [];
  /** Told of each byte string that is typed. */
  onTyped: (text: string) => unknown = () => undefined;
  /** Whether it is open still. */
  open = true;
  readonly #clients = new Set<WebSocket>();
  #shown: Buffer = Buffer.alloc(0);

  constructor(gateway: GatewayStandIn) {
    const server = new WebSocketServer({
      noServer: true,
      handleProtocols: (offered) => offered.has(terminalProtocol) && terminalProtocol,
    });
    const state: TerminalState = {
      id: 't1',
      columns: 80,
      rows: 24,
      command: ['bash', '-l'],
      startedAt: '2030-01-01T00:00:00Z',
      clients: 0,
    };
    const before = gateway.intercept;
    gateway.intercept = (asked, response) => {
      if (asked.path !== 'agent/terminals') return before(asked, response);
      if (asked.method === 'GET')
        answer(response, 200, { terminals: this.open ? [{ ...state, clients: this.clients }] : [] });
      else {
        this.opened.push(terminalRequest.parse(JSON.parse(asked.body)));
        answer(response, 201, state);
      }
      return true;
    };
    gateway.upgrade = (request, socket, head) => {
      if (!this.open || !request.url?.endsWith('/agent/terminals/t1')) {
        const body = JSON.stringify({ error: { code: 'not_found', message: 'There is no such terminal.' } });
        socket.end(`HTTP/1.1 404 Not Found\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
        return;
      }
      server.handleUpgrade(request, socket, head, (client) => this.#join(client));
    };
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** Bytes on the terminal. */
  show(bytes: string | Buffer): void {
    this.#shown = Buffer.concat([this.#shown, Buffer.from(bytes)]);
    for (const client of this.#clients) client.send(Buffer.from(bytes));
  }

  /** The command ends. */
  exit(how: Omit<ExitMessage, 'type'>): void {
    this.open = false;
    for (const client of this.#clients) {
      client.send(JSON.stringify({ type: 'exit', ...how }));
      client.close(1000);
    }
  }

  /** The workspace sleeps, and the terminal with it. */
  sleep(): void {
    for (const client of this.#clients) {
      client.send(JSON.stringify({ type: 'exit', signal: 'SIGHUP', asleep: true, message: 'It sleeps.' }));
      client.close(1000);
    }
  }

  /** The connections break. */
  async cut(): Promise<void> {
    const clients = [...this.#clients];
    for (const client of clients) client.terminate();
    await Promise.all(clients.map((client) => once(client, 'close')));
  }

  #join(client: WebSocket): void {
    this.#clients.add(client);
    client.once('close', () => this.#clients.delete(client));
    if (this.#shown.length > 0) client.send(this.#shown);
    client.on('message', (data: Buffer, isBinary) => {
      if (isBinary) {
        this.typed += data.toString();
        this.onTyped(data.toString());
      } else {
        const { columns, rows } = resizeMessage.parse(JSON.parse(data.toString()));
        this.sizes.push(`${columns}x${rows}`);
      }
    });
  }
}
