import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Gateway, pathAt } from '../gateway/gateway.ts';

export interface LocalDoorOptions {
  gateway: Pick<Gateway, 'open'>;
  workspace: { namespace: string; name: string };
  /** The service's name. */
  service: string;
}

/** Headers between two neighbours, and what must not pass: the person's own token takes the place of a credential. */
const left = new Set([
  'connection',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
  'authorization',
  'cookie',
  // The gateway refuses pages from elsewhere; here they were checked already.
  'origin',
]);
const ownNames = /^(localhost|127(\.\d+){3}|\[::1\])$/i;

/** A port of this machine whose HTTP requests and WebSockets go to a service of a workspace, with the person's token. */
export class LocalDoor {
  readonly #options: LocalDoorOptions;
  readonly #prefix: string;
  readonly #server: Server;

  constructor(options: LocalDoorOptions) {
    this.#options = options;
    this.#prefix = pathAt(options.workspace, `ports/${encodeURIComponent(options.service)}`);
    this.#server = createServer((request, response) => {
      this.#request(request, response).catch((error: Error) => answerFailure(response, error));
    });
    this.#server.on('upgrade', (request, socket, head) => {
      // What breaks the one breaks the other; nobody else need know.
      socket.on('error', () => undefined);
      this.#upgrade(request, socket, head).catch((error: Error) =>
        refuse(socket, statusOf(error), error.message),
      );
    });
  }

  /** The port that it listens on, reachable from this machine alone. Rejects where it is taken. */
  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', () => resolve((this.#server.address() as AddressInfo).port));
    });
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #request(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = await this.#ask(request, passedOn(request.headers));
    response.once('close', () => asked.destroy());
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      asked.once('response', resolve).once('error', reject);
    });
    // An answer may come before the request is whole, and the rest of it is then of no use.
    pipeline(request, asked).catch((error: Error) => asked.destroy(error));
    const answer = await answered;
    response.writeHead(answer.statusCode ?? 502, this.#answerHeaders(answer.headers));
    // A browser is to see that the answer was cut, not that it ended.
    await pipeline(answer, response).catch(() => response.destroy());
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const headers = { ...passedOn(request.headers), connection: 'Upgrade', upgrade: 'websocket' };
    const asked = await this.#ask(request, headers);
    socket.once('close', () => asked.destroy());
    asked.once('upgrade', (answer, there, thereHead) => {
      const raw = answer.rawHeaders;
      const lines = raw.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${raw[index + 1]}\r\n`] : []));
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`);
      if (thereHead.length > 0) socket.write(thereHead);
      if (head.length > 0) there.write(head);
      void pipeline(there, socket, there).catch(() => {
        there.destroy();
        socket.destroy();
      });
    });
    asked.once('response', (answer) => {
      answer.resume();
      refuse(socket, answer.statusCode ?? 502, 'The service opens no WebSocket here.');
    });
    asked.once('error', (error) => refuse(socket, statusOf(error), error.message));
    asked.end();
  }

  #ask(request: IncomingMessage, headers: Record<string, string | string[]>) {
    checkOwn(request.headers);
    const { method = 'GET', url = '/' } = request;
    // A service that knows its prefix links to paths that have it already.
    const path = url.startsWith(`${this.#prefix}/`) ? url : this.#prefix + (url.startsWith('/') ? url : '/');
    return this.#options.gateway.open(path, { method, headers });
  }

  #answerHeaders({ location, ...headers }: IncomingHttpHeaders): Record<string, string | string[]> {
    const here = location?.startsWith(`${this.#prefix}/`) ? location.slice(this.#prefix.length) : location;
    return { ...passedOn(headers), ...(here !== undefined && { location: here }) };
  }
}

class Forbidden extends Error {}

/**
 * A page of another site can make a browser send requests to this machine, under a name of its own that leads here too.
 * @throws Forbidden
 */
function checkOwn({ host = '', origin }: IncomingHttpHeaders): void {
  if (!ownNames.test(host.replace(/:\d+$/, '')))
    throw new Forbidden(`Ask for localhost, not for ${JSON.stringify(host)}.`);
  if (origin === undefined || (URL.canParse(origin) && ownNames.test(new URL(origin).hostname))) return;
  throw new Forbidden(`Pages of ${JSON.stringify(origin)} may not use this port.`);
}

function passedOn(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const named = new Set((headers.connection ?? '').toLowerCase().split(/\s*,\s*/));
  const kept = Object.entries(headers).filter(([name]) => !left.has(name) && !named.has(name));
  return Object.fromEntries(kept) as Record<string, string | string[]>;
}

function statusOf(error: Error): number {
  return error instanceof Forbidden ? 403 : 502;
}

function answerFailure(response: ServerResponse, error: Error): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  response.writeHead(statusOf(error), { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
  response.end(`dormouse port-forward: ${error.message}\n`);
}

function refuse(socket: Duplex, status: number, message: string): void {
  const text = `dormouse port-forward: ${message}\n`;
  const head = `HTTP/1.1 ${status} Refused\r\ncontent-type: text/plain\r\nconnection: close\r\n`;
  socket.end(`${head}content-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
}
