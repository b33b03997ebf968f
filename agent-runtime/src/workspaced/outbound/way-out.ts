import { once } from 'node:events';
import {
  Agent,
  createServer,
  type IncomingMessage,
  request as open,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import type { Log } from '../log.ts';
import { ownFields } from './send.ts';

/** The variables by which programs find a proxy. */
const variables = ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy'];

/**
 * A proxy on the loopback of the pod, which passes everything on to that of the gateway and adds the key there. So nothing that is
 * dumped holds the key of its workspace in its memory, and what was dumped goes out with the key of whoever restores it.
 */
export class WayOut {
  readonly #proxy: URL;
  readonly #authorization: string;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #server: Server;
  readonly #log: Log;

  /** @param proxy of the gateway, with the key in it */
  constructor(proxy: URL, log: Log) {
    this.#proxy = proxy;
    const [user, password] = [proxy.username, proxy.password].map(decodeURIComponent);
    this.#authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    this.#log = log;
    // An upload may take as long as it takes; the gateway has its own limits.
    this.#server = createServer({ requestTimeout: 0, keepAliveTimeout: 60_000 }, (request, response) => {
      this.#pass(request, response).catch((error: unknown) => this.#failed(error, response));
    });
    this.#server.on('connect', (request, socket: Socket, head) => this.#tunnel(request, socket, head));
  }

  /** Resolves with its URL. Rejects where the port is taken. */
  async listen(port: number): Promise<string> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    this.#agent.destroy();
  }

  get #gateway() {
    return { host: this.#proxy.hostname, port: Number(this.#proxy.port || 80) };
  }

  /** A request for `http://`, which names the whole URL. */
  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const upstream = open({
      ...this.#gateway,
      agent: this.#agent,
      method: request.method,
      path: request.url,
      headers: [...fieldsOf(request), 'proxy-authorization', this.#authorization],
    });
    const answered = once(upstream, 'response') as Promise<[IncomingMessage]>;
    await Promise.all([
      pipeline(request, upstream),
      answered.then(([answer]) => {
        response.writeHead(answer.statusCode ?? 502, answer.statusMessage, fieldsOf(answer));
        return pipeline(answer, response);
      }),
    ]);
  }

  /** What comes after the answer is nobody's business here. */
  #tunnel(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const failed = (error: unknown) => this.#failed(error, socket);
    socket.on('error', failed);
    const upstream = open({
      ...this.#gateway,
      agent: false,
      method: 'CONNECT',
      path: request.url,
      headers: [...fieldsOf(request), 'proxy-authorization', this.#authorization],
    });
    upstream.once('error', failed);
    upstream.once('connect', (answer, tunnel, first) => {
      const lines = [`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}`];
      for (let at = 0; at + 1 < answer.rawHeaders.length; at += 2)
        lines.push(`${answer.rawHeaders[at]}: ${answer.rawHeaders[at + 1]}`);
      socket.write(`${lines.join('\r\n')}\r\n\r\n`);
      socket.write(first);
      tunnel.write(head);
      pipeline(socket, tunnel, socket).catch(failed);
    });
    upstream.end();
  }

  /** Programs break connections off all the time. That the gateway is away is theirs to see. */
  #failed(error: unknown, to: ServerResponse | Socket): void {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!expected.has(code)) this.#log.warn('a connection to the outside failed', { error });
    const begun = 'headersSent' in to ? to.headersSent : to.bytesWritten > 0;
    if (begun || to.destroyed) to.destroy();
    else if ('headersSent' in to) to.writeHead(502).end(away);
    else to.end(`HTTP/1.1 502 Bad Gateway\r\ncontent-length: ${away.length}\r\n\r\n${away}`);
  }
}

const away = 'The gateway of this workspace was not reached.\n';
const expected = new Set(['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ECONNREFUSED']);

/** Names and values one after another, without those of one connection alone. */
function fieldsOf({ rawHeaders }: IncomingMessage): string[] {
  const fields: string[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = rawHeaders.slice(at, at + 2);
    if (!ownFields.test(name)) fields.push(name, value);
  }
  return fields;
}

/**
 * The environment with this way out in place of the gateway's proxy; undefined where there is no such proxy, or the port is taken:
 * then what runs here holds the key, as it does in pods that make no images.
 */
export async function withoutKey(
  environment: Readonly<Record<string, string>>,
  port: number,
  log: Log,
): Promise<{ environment: Record<string, string>; wayOut: WayOut } | undefined> {
  const proxies = variables.filter((name) => environment[name]?.includes('@'));
  const [first] = proxies;
  const proxy = environment[first ?? ''];
  if (proxy === undefined || !URL.canParse(proxy)) return undefined;
  const wayOut = new WayOut(new URL(proxy), log);
  try {
    const url = await wayOut.listen(port);
    return {
      environment: { ...environment, ...Object.fromEntries(proxies.map((name) => [name, url])) },
      wayOut,
    };
  } catch (error) {
    log.warn('the way out of the pod cannot listen', { port, error });
    return undefined;
  }
}
