import { type IncomingMessage, request as open } from 'node:http';
import type { Duplex } from 'node:stream';
import { offeredSubprotocols } from '../auth/index.ts';
import { answerUpgrade } from '../http/answer.ts';
import { Refusal } from '../http/refusal.ts';
import { Meter } from '../limits/index.ts';
import type { Address } from './address.ts';
import { DataFrames, type Typed } from './data-frames.ts';
import { UnreachedError, whenConnected } from './forward.ts';
import { requestHeaders, responseHeaders } from './headers.ts';

/** A client that asked for a WebSocket, and its socket. */
export interface Upgrade {
  request: IncomingMessage;
  socket: Duplex;
  /** What the client sent behind its request. */
  head: Buffer;
  path: string;
  /** Milliseconds until the workspace takes the connection, and until it answers. */
  limits: { connect: number; idle: number };
  signal: AbortSignal;
  /** Throws where the answer, which opens no WebSocket, is none for the client. */
  checkStatus: (status: number | undefined) => void;
  /** Which of the client's messages somebody typed. */
  typing: Typed;
  /** Both sides have agreed. */
  opened: () => void;
  /** The client said something, by more than a sign of life. */
  typed: () => void;
  count: (direction: 'in' | 'out', bytes: number) => void;
}

/**
 * Opens the same WebSocket to the workspace and joins the two sockets until either ends, or passes the answer on that
 * came instead. Resolves with the status.
 *
 * @throws UnreachedError where the workspace did not take it; what `checkStatus` throws.
 */
export async function tunnel(upgrade: Upgrade, address: Address): Promise<number> {
  const { socket, head, signal, count, typed } = upgrade;
  const switched = await switchProtocols(upgrade, address);
  const { answer } = switched;
  if ('body' in switched) {
    const headers = responseHeaders(answer.rawHeaders, (location) => location);
    const own = headers.filter(
      (_, index) => headers[index - (index % 2)]?.toLowerCase() !== 'content-length',
    );
    answerUpgrade(socket, `${answer.statusCode} ${answer.statusMessage}`, own, switched.body);
    return answer.statusCode ?? 502;
  }
  const { upstream, upstreamHead } = switched;
  upgrade.opened();
  socket.write(head101(answer));
  if (upstreamHead.length > 0) upstream.unshift(upstreamHead);
  if (head.length > 0) socket.unshift(head);
  const frames = new DataFrames(upgrade.typing);
  const fromClient = new Meter(Number.POSITIVE_INFINITY, (bytes) => count('in', bytes));
  fromClient.on('data', (chunk: Buffer) => {
    if (frames.push(chunk) > 0) typed();
  });
  const fromWorkspace = new Meter(Number.POSITIVE_INFINITY, (bytes) => count('out', bytes));
  await new Promise<void>((resolve) => {
    const end = () => {
      signal.removeEventListener('abort', end);
      socket.destroy();
      upstream.destroy();
      resolve();
    };
    for (const each of [socket, upstream]) each.once('error', end).once('close', end);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) return end();
    socket.pipe(fromClient).pipe(upstream);
    upstream.pipe(fromWorkspace).pipe(socket);
  });
  return 101;
}

type Switched =
  | { answer: IncomingMessage; upstream: Duplex; upstreamHead: Buffer }
  | { answer: IncomingMessage; body: Buffer };

/** Bytes of an answer that opens no WebSocket. */
const longestAnswer = 64 * 1024;

function switchProtocols(
  { request, path, limits, signal, checkStatus }: Upgrade,
  { host, port, headers }: Address,
): Promise<Switched> {
  const protocols = offeredSubprotocols(request.rawHeaders);
  const passed = requestHeaders(request.rawHeaders, headers);
  const withoutProtocols = passed.filter((_, index) => {
    const name = passed[index - (index % 2)];
    return name?.toLowerCase() !== 'sec-websocket-protocol';
  });
  const { promise, resolve, reject } = Promise.withResolvers<Switched>();
  const asked = open({
    host,
    port,
    path,
    method: 'GET',
    agent: false,
    signal,
    headers: [
      ...withoutProtocols,
      ...headers,
      ...(protocols.length === 0 ? [] : ['sec-websocket-protocol', protocols.join(', ')]),
      ...['connection', 'Upgrade', 'upgrade', 'websocket'],
    ],
  });
  const timer = setTimeout(
    () =>
      asked.destroy(new Refusal('gateway_timeout', `The workspace did not answer for ${limits.idle} ms.`)),
    limits.idle,
  );
  whenConnected(asked, limits.connect, () => asked.end());
  asked.once('upgrade', (answer, upstream, upstreamHead) => {
    clearTimeout(timer);
    resolve({ answer, upstream, upstreamHead });
  });
  asked.once('response', (answer) => {
    wholeAnswer(answer, checkStatus)
      .then(resolve, (error: unknown) => {
        reject(error);
        answer.destroy();
      })
      .finally(() => clearTimeout(timer));
  });
  asked.on('error', (error: Error) => {
    clearTimeout(timer);
    if (signal.aborted) reject(signal.reason);
    else reject(error instanceof Refusal ? error : new UnreachedError(error.message, { cause: error }));
  });
  return promise;
}

/** The whole of an answer that the client may have. */
async function wholeAnswer(answer: IncomingMessage, checkStatus: Upgrade['checkStatus']): Promise<Switched> {
  checkStatus(answer.statusCode);
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > longestAnswer) break;
      chunks.push(chunk);
    }
  } catch (error) {
    throw new Refusal('bad_gateway', `The workspace broke off its answer: ${(error as Error).message}.`);
  }
  if (bytes > longestAnswer) throw new Refusal('bad_gateway', 'The workspace answered too much.');
  return { answer, body: Buffer.concat(chunks) };
}

function head101(answer: IncomingMessage): string {
  const headers = responseHeaders(answer.rawHeaders, (location) => location);
  const lines: string[] = [];
  for (let index = 0; index < headers.length; index += 2)
    lines.push(`${headers[index]}: ${headers[index + 1]}\r\n`);
  return `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${lines.join('')}\r\n`;
}
