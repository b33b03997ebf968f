import {
  Agent,
  type ClientRequest,
  type IncomingMessage,
  request as open,
  type ServerResponse,
} from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '@dormouse/operator/kube';
import { Refusal } from '../http/refusal.ts';
import { Meter, tooLarge } from '../limits/index.ts';
import type { Address } from './address.ts';
import { isEventStream, passHead, requestHeaders } from './headers.ts';
import { TimeLimits } from './time-limits.ts';

/** Milliseconds and bytes. */
export interface ForwardLimits {
  /** Until the workspace takes the connection. */
  connect: number;
  /** Without a byte in either direction, for what is no stream. */
  idle: number;
  /** From the first byte to the last, for what is no stream. */
  total: number;
  body: number;
}

/** One request of a client, and how it is to be passed on. */
export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  path: string;
  /** Aborts when the client is gone, or the gateway gives the request up. */
  signal: AbortSignal;
  limits: ForwardLimits;
  clock: Clock;
  rewriteLocation: (location: string) => string;
  /** Throws where the answer is none for the client. */
  checkStatus: (status: number | undefined) => void;
  /** The answer is a stream of events, which may stay open for days: its times have no limit, and it is no use. */
  streams: () => void;
  count: (direction: 'in' | 'out', bytes: number) => void;
}

/** The workspace was not reached, or went away before it answered: the request may be sent again as it is. */
export class UnreachedError extends Error {
  override readonly name = 'UnreachedError';
}

/** Each gets a fresh connection, which cannot be dying as it is used. */
const fresh = new Agent({ keepAlive: false });

/**
 * Sends a request to a workspace and its answer to the client, no faster than each reads. The body is not touched before
 * the workspace has taken the connection.
 *
 * @throws UnreachedError; Refusal where it cannot be repeated, is too large or too slow; the signal's reason.
 */
export async function forward(exchange: Exchange, address: Address): Promise<void> {
  const { response, count } = exchange;
  const controller = new AbortController();
  const signal = AbortSignal.any([exchange.signal, controller.signal]);
  const times = new TimeLimits(exchange, (refusal) => controller.abort(refusal));
  const passed = (direction: 'in' | 'out') => (bytes: number) => {
    times.passed();
    count(direction, bytes);
  };
  try {
    const answer = await send(exchange, address, signal, passed('in'));
    exchange.checkStatus(answer.statusCode);
    if (isEventStream(answer.rawHeaders)) {
      times.stop();
      exchange.streams();
    }
    passHead(response, answer.statusCode, answer.rawHeaders, exchange.rewriteLocation);
    response.flushHeaders();
    await pipeline(answer, new Meter(Number.POSITIVE_INFINITY, passed('out')), response, { signal });
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (!response.headersSent) throw error;
    throw new Refusal('bad_gateway', 'The workspace broke off its answer.');
  } finally {
    // An answer that was not wanted is not read.
    controller.abort();
    times.stop();
  }
}

/** Resolves with the head of the answer; its body must be read or destroyed. */
export function send(
  { request, path, limits }: Pick<Exchange, 'request' | 'path' | 'limits'>,
  { host, port, headers }: Address,
  signal: AbortSignal,
  passed: (bytes: number) => void,
): Promise<IncomingMessage> {
  const hasBody = carriesBody(request);
  const repeatable = !hasBody && (request.method === 'GET' || request.method === 'HEAD');
  if (Number(request.headers['content-length'] ?? 0) > limits.body)
    return Promise.reject(tooLarge(limits.body));
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const upstream = open({
    host,
    port,
    path,
    method: request.method ?? 'GET',
    agent: fresh,
    headers: [
      ...requestHeaders(request.rawHeaders, headers),
      ...headers,
      ...(request.headers['transfer-encoding'] === undefined ? [] : ['transfer-encoding', 'chunked']),
    ],
    signal,
  });
  let taken = false;
  const body = hasBody ? new Meter(limits.body, passed) : undefined;
  body?.once('error', (error) => upstream.destroy(error));
  whenConnected(upstream, limits.connect, () => {
    taken = true;
    if (body === undefined) upstream.end();
    else request.pipe(body).pipe(upstream);
  });
  upstream.once('response', resolve);
  upstream.on('error', (error: Error) => {
    if (body !== undefined) request.unpipe(body);
    if (error instanceof Refusal) reject(error);
    else if (!taken || repeatable) reject(new UnreachedError(error.message, { cause: error }));
    else
      reject(
        new Refusal(
          'bad_gateway',
          'The workspace went away before it answered. Whether it did what was asked is not known: look before you send it again.',
        ),
      );
  });
  return promise;
}

function carriesBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Calls `connected` when bytes can flow; ends the request where that takes longer than `patience`. */
export function whenConnected(upstream: ClientRequest, patience: number, connected: () => void): void {
  upstream.once('socket', (socket) => {
    if (!socket.connecting) return connected();
    const timer = setTimeout(
      () => upstream.destroy(new Error(`no connection within ${patience} ms`)),
      patience,
    );
    socket.once('connect', connected);
    for (const event of ['connect', 'close'] as const) socket.once(event, () => clearTimeout(timer));
  });
}
