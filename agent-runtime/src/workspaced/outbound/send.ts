import {
  Agent as HttpAgent,
  type IncomingMessage,
  request as openHttp,
  type ServerResponse,
} from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import { pipeline } from 'node:stream/promises';
import type { OutboundRequest } from '../../protocol/pipes.ts';
import { systemErrorCode, ToolFailure } from '../tool-failure.ts';

/** Milliseconds until the other side takes the connection, with the proxy between. */
const connectMs = 30_000;
/** Fields that belong to one connection, or are framed anew. */
export const ownFields = /^(connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|expect)$/i;

/**
 * Sends requests out of the workspace: by the proxy that its environment names, as its own programs do. So a server that agentd
 * speaks to sees, and is allowed, exactly what the workspace is.
 */
export class Outbound {
  readonly #options: { keepAlive: false; proxyEnv: Record<string, string> };
  readonly #plain: HttpAgent;
  #secure: HttpsAgent | undefined;

  /** `environment`: the variables of the container, of which the proxies count. */
  constructor(environment: Readonly<Record<string, string>>) {
    this.#options = { keepAlive: false, proxyEnv: { ...environment } };
    this.#plain = new HttpAgent(this.#options);
  }

  /**
   * Sends the request with the rest of `body`, and passes the answer on: its head as one line of JSON, then its body. No redirect is
   * followed. Throws {@link ToolFailure} `unreachable` before anything is answered.
   */
  async send(head: OutboundRequest, body: IncomingMessage, response: ServerResponse, gone: AbortSignal) {
    const answer = await this.#open(head, body, gone);
    const headers: [string, string][] = [];
    for (let at = 0; at + 1 < answer.rawHeaders.length; at += 2) {
      const [name = '', value = ''] = answer.rawHeaders.slice(at, at + 2);
      if (!ownFields.test(name)) headers.push([name, value]);
    }
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    response.write(`${JSON.stringify({ status: answer.statusCode ?? 502, headers })}\n`);
    try {
      await pipeline(answer, response, { signal: gone });
    } catch (error) {
      // Cut as it was cut here: it must not look complete.
      response.destroy();
      if (!gone.aborted && systemErrorCode(error) === undefined) throw error;
    }
  }

  /** TLS is loaded with the first request that takes it: 6 MB. */
  async #wayTo(target: URL) {
    if (target.protocol !== 'https:') return { open: openHttp, agent: this.#plain };
    const { Agent, request } = await import('node:https');
    this.#secure ??= new Agent(this.#options);
    return { open: request, agent: this.#secure };
  }

  async #open(
    { method, url, headers }: OutboundRequest,
    body: IncomingMessage,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const target = new URL(url);
    const { open, agent } = await this.#wayTo(target);
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    // No list: Node adds what the proxy wants to know to an object alone.
    const fields: Record<string, string[]> = {};
    for (const [name, value] of headers) {
      const key = name.toLowerCase();
      if (!ownFields.test(key) && key !== 'host') fields[key] = [...(fields[key] ?? []), value];
    }
    const outgoing = open(target, {
      method,
      agent,
      headers: Object.fromEntries(
        Object.entries(fields).map(([name, values]) => [name, values.length === 1 ? values[0] : values]),
      ),
      signal,
    });
    const failed = (why: string, cause?: unknown) =>
      reject(new ToolFailure('unreachable', `${target.origin} cannot be reached: ${why}`, { cause }));
    const patience = setTimeout(() => {
      failed(`no connection within ${connectMs / 1000} s`);
      outgoing.destroy();
    }, connectMs);
    outgoing.once('error', (error) => failed(error.message, error));
    outgoing.once('response', resolve);
    outgoing.once('close', () => clearTimeout(patience));
    outgoing.once('socket', (socket) => {
      const connected = () => clearTimeout(patience);
      if (socket.connecting) socket.once('connect', connected);
      else connected();
    });
    if (method === 'GET' || method === 'HEAD') {
      body.resume();
      outgoing.end();
    } else body.pipe(outgoing);
    return promise;
  }
}
