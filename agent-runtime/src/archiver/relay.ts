import { createServer, type IncomingMessage, request as open, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { problemHeader } from '../protocol/archive.ts';

export interface RelayOptions {
  /** The port of the gateway for archives, as a URL without a path. */
  gateway: string;
  /** Read for each request: the kubelet renews it. */
  token: () => Promise<string>;
}

/** Characters of a sentence. */
const longest = 800;
const passed = ['content-length', 'content-type', 'range', 'accept'];

/**
 * What restic takes for its server: passes each request on to the gateway, with the token of the pod. restic shows of an answer its
 * status alone, so what the gateway says in words is kept here.
 */
export class Relay {
  readonly #options: RelayOptions;
  readonly #server = createServer((request, response) => void this.#pass(request, response));
  /** Why the last request was refused; undefined where it was not. */
  problem: string | undefined;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  /** Resolves with its URL, on the loopback of the pod. */
  async listen(): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const answer = await this.#ask(request);
      const status = answer.statusCode ?? 502;
      if (status >= 400 && status !== 404) {
        answer.resume();
        this.problem = sentenceOf(answer, status);
        response.writeHead(status, { 'content-length': 0 }).end();
        return;
      }
      this.problem = undefined;
      response.writeHead(status, headersOf(answer));
      await pipeline(answer, response);
    } catch (error) {
      this.problem = `The gateway was not reached: ${(error as Error).message}.`;
      if (response.headersSent) response.destroy();
      else response.writeHead(502, { 'content-length': 0 }).end();
    }
  }

  async #ask(request: IncomingMessage): Promise<IncomingMessage> {
    const { gateway, token } = this.#options;
    const authorization = `Bearer ${await token()}`;
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const upstream = open(
      `${gateway}${request.url ?? '/'}`,
      { method: request.method, headers: { ...headersOf(request), authorization } },
      resolve,
    );
    upstream.on('error', reject);
    request.once('error', (error) => upstream.destroy(error));
    request.pipe(upstream);
    return promise;
  }
}

function headersOf({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    passed.flatMap((name) => (typeof headers[name] === 'string' ? [[name, headers[name]]] : [])),
  );
}

function sentenceOf({ headers }: IncomingMessage, status: number): string {
  const said = headers[problemHeader];
  try {
    if (typeof said === 'string') return decodeURIComponent(said).slice(0, longest);
  } catch {
    // Not the gateway's own.
  }
  return `The gateway answered ${status}.`;
}
