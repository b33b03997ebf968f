import { once } from 'node:events';
import { type IncomingMessage, Agent as PlainAgent, request as plainRequest } from 'node:http';
import type { Agent, request } from 'node:https';

/** Statuses whose answers have no body. */
const empty = [204, 205, 304];

interface Way {
  agent: Agent | PlainAgent;
  request: typeof plainRequest | typeof request;
}

/**
 * `fetch` for the model's SDK, over the client that `node:http` is. The one of Node.js brings a parser of its own and passes a body of 200 KB on in
 * pieces: agentd takes 4.6 MB more with it, and 1 ms more for a message with one call of a tool (2026-11; docs/decisions/0040).
 *
 * It takes a body that is text, asks for no compression, and follows no redirect. `idleMs`: milliseconds without a byte of the
 * answer after which it fails.
 */
export class HttpFetch {
  readonly #idleMs: number;
  #ways = new Map<string, Promise<Way>>();

  constructor(idleMs: number) {
    this.#idleMs = idleMs;
  }

  /** Rejects with an `Error` in plain words, or the signal's reason; so does the body of an answer that breaks off. */
  readonly fetch = async (url: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const { protocol, host } = new URL(String(url));
    const { agent, request } = await this.#way(protocol);
    const { method = 'GET', body = '', signal } = init;
    const bytes = Buffer.from(String(body));
    const headers = {
      ...Object.fromEntries(init.headers instanceof Headers ? init.headers : new Headers(init.headers)),
      'content-length': String(bytes.length),
    };
    const sent = request(String(url), { method, headers, agent, ...(signal && { signal }) });
    let answer: IncomingMessage | undefined;
    sent.setTimeout(this.#idleMs, () =>
      (answer ?? sent).destroy(new Error(`nothing came for ${this.#idleMs} ms`)),
    );
    // After the answer it is the body that fails.
    sent.on('error', () => undefined);
    sent.end(bytes);
    try {
      [answer] = (await once(sent, 'response')) as [IncomingMessage];
      return responseOf(answer, host);
    } catch (error) {
      signal?.throwIfAborted();
      throw new Error(`${host} could not be asked: ${(error as Error).message}`, { cause: error });
    }
  };

  #way(protocol: string): Promise<Way> {
    const known = this.#ways.get(protocol) ?? openWay(protocol);
    this.#ways.set(protocol, known);
    return known;
  }
}

async function openWay(protocol: string): Promise<Way> {
  const options = { keepAlive: true };
  if (protocol !== 'https:') return { agent: new PlainAgent(options), request: plainRequest };
  const { Agent, request } = await import('node:https');
  return { agent: new Agent(options), request };
}

function responseOf(answer: IncomingMessage, host: string): Response {
  const { statusCode = 0, statusMessage = '', headersDistinct } = answer;
  const headers = new Headers();
  for (const [name, values] of Object.entries(headersDistinct))
    for (const value of values ?? []) headers.append(name, value);
  const hasBody = !empty.includes(statusCode);
  if (!hasBody) answer.resume();
  const body = hasBody ? ReadableStream.from(piecesOf(answer, host)) : null;
  return new Response(body, { status: statusCode, statusText: statusMessage, headers });
}

async function* piecesOf(answer: IncomingMessage, host: string): AsyncGenerator<Uint8Array> {
  try {
    yield* answer;
  } catch (error) {
    throw new Error(`the answer of ${host} broke off: ${(error as Error).message}`, { cause: error });
  }
}
