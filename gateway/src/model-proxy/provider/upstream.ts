import { Agent as HttpAgent, type IncomingMessage, request as openHttp } from 'node:http';
import { Agent as HttpsAgent, request as openHttps } from 'node:https';
import { requestHeaders, whenConnected } from '../../attach/index.ts';
import type { ProviderKey } from './provider-keys.ts';
import type { Provider } from './providers.ts';

/** One request as a provider gets it. */
export interface Question {
  method: 'POST' | 'GET';
  /** Path and query, from `/v1/` on. */
  path: string;
  /** Of the workspace: names and values in turn. */
  rawHeaders: readonly string[];
  /** None with GET. */
  body: Buffer | undefined;
  signal: AbortSignal;
  /** Milliseconds until the provider takes the connection. */
  connect: number;
}

/** The provider was not reached, or went away before it answered. `asked`: it may have read the request. */
export class UnreachedProviderError extends Error {
  override readonly name = 'UnreachedProviderError';
  readonly asked: boolean;

  constructor(message: string, asked: boolean, options?: ErrorOptions) {
    super(message, options);
    this.asked = asked;
  }
}

const kept = { keepAlive: true, maxFreeSockets: 64, timeout: 30_000 };
const agents = { 'http:': new HttpAgent(kept), 'https:': new HttpsAgent(kept) };

/** What says who asks, and what the gateway says anew: nothing of it goes on. */
const own = new Set(['x-api-key', 'accept-encoding', 'content-length']);

/**
 * Sends a question to a provider, under its key and never under the workspace's. Resolves with the head of the answer; its body must be read
 * or destroyed. A kept connection that turns out to be dead is replaced by a fresh one.
 *
 * @throws UnreachedProviderError, or the signal's reason.
 */
export async function ask(
  provider: Provider,
  key: ProviderKey | undefined,
  question: Question,
): Promise<IncomingMessage> {
  try {
    return await send(provider, key, question, true);
  } catch (error) {
    if (!(error instanceof StaleConnectionError)) throw error;
    return send(provider, key, question, false);
  }
}

/** A connection that was used before broke without a byte: as a server closes it while it is idle. */
class StaleConnectionError extends UnreachedProviderError {}

function send(
  { baseUrl }: Provider,
  key: ProviderKey | undefined,
  { method, path, rawHeaders, body, signal, connect }: Question,
  reuse: boolean,
): Promise<IncomingMessage> {
  const base = new URL(baseUrl);
  const secure = base.protocol === 'https:';
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const upstream = (secure ? openHttps : openHttp)({
    protocol: base.protocol,
    hostname: base.hostname,
    port: base.port,
    path: base.pathname.replace(/\/$/, '') + path,
    method,
    agent: reuse ? agents[secure ? 'https:' : 'http:'] : false,
    headers: [
      ...['host', base.host],
      ...withoutOwn(requestHeaders(rawHeaders)),
      // What is compressed could not be counted as it passes.
      ...['accept-encoding', 'identity'],
      ...(body === undefined ? [] : ['content-length', String(body.length)]),
      ...(key === undefined ? [] : ['authorization', `Bearer ${key.value}`]),
    ],
    signal,
  });
  let connected = false;
  whenConnected(upstream, connect, () => {
    connected = true;
    upstream.end(body);
  });
  upstream.once('response', resolve);
  upstream.on('error', (error: Error) => {
    if (signal.aborted) reject(signal.reason);
    else if (upstream.reusedSocket)
      reject(new StaleConnectionError(error.message, connected, { cause: error }));
    else reject(new UnreachedProviderError(error.message, connected, { cause: error }));
  });
  return promise;
}

function withoutOwn(raw: readonly string[]): string[] {
  return raw.filter((_, index) => !own.has((raw[index - (index % 2)] ?? '').toLowerCase()));
}
