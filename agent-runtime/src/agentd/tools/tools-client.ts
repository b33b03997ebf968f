import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Duplex, Writable } from 'node:stream';
import type { z } from 'zod';
import { environmentResult } from '../../protocol/pipes.ts';
import {
  type CollectRequest,
  type CollectResult,
  type ExecRequest,
  execEvent,
  toolError,
} from '../../protocol/tools-api.ts';
import { Collector } from './collector.ts';

/**
 * `workspaced` could not be asked. `sent`: the request had left when the connection broke, so nobody knows what came of it.
 */
export class ToolsUnavailable extends Error {
  override readonly name = 'ToolsUnavailable';
  readonly sent: boolean;

  constructor(message: string, sent: boolean, cause?: unknown) {
    super(message, { cause });
    this.sent = sent;
  }
}

/** `workspaced` refused with a sentence that the model can act on. */
export class ToolRefused extends Error {
  override readonly name = 'ToolRefused';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export interface CallOptions {
  signal?: AbortSignal;
  /** Milliseconds to wait for the socket to be served at all. Default: the client's. */
  patienceMs?: number;
  /** Milliseconds for the answer. Default 60,000. */
  timeoutMs?: number;
}

/** The largest answer that is taken: what answers is untrusted, and memory is not. */
const maxAnswerBytes = 16 * 1024 * 1024;
const maxLineBytes = 1024 * 1024;
const retryDelayMs = 100;
const upgradeTimeoutMs = 10_000;

/** Speaks to `workspaced` over its Unix socket. Every answer is parsed and bounded. */
export class ToolsClient {
  readonly #socketPath: string;
  readonly #patienceMs: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  readonly #collector = new Collector((...request) => this.call(...request));
  #environment: Record<string, string> | undefined;

  /** `patienceMs`: what a call waits for the socket to be served; a container restart takes a few seconds. */
  constructor(socketPath: string, patienceMs = 15_000) {
    this.#socketPath = socketPath;
    this.#patienceMs = patienceMs;
  }

  close(): void {
    this.#agent.destroy();
  }

  /** One request and its whole answer, parsed. Throws `ToolRefused` for 4xx and 5xx, `ToolsUnavailable` otherwise. */
  async call<T>(
    method: string,
    path: string,
    body: object | undefined,
    schema: z.ZodType<T>,
    options: CallOptions = {},
  ): Promise<T> {
    const response = await this.#open(method, path, body, options);
    return parseAnswer(await readAll(response), schema);
  }

  /** Reads many small files. Throws as `call` does. */
  collect(request: CollectRequest, signal: AbortSignal): Promise<CollectResult> {
    return this.#collector.collect(request, signal);
  }

  /** What a command of the workspace finds in its environment, which is the same as long as the pod is. Throws as `call` does. */
  async environment(signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    this.#environment ??= await this.call('GET', '/environment', undefined, environmentResult, { signal });
    return this.#environment;
  }

  /** Runs a command; each piece of output goes to `onOutput`. Aborting the signal kills its process group. */
  async exec(
    body: ExecRequest,
    onOutput: (text: string, stream: 'stdout' | 'stderr') => void,
    options: CallOptions,
  ): Promise<ExecExit> {
    // The command has its own limit; this is for a `workspaced` that does not keep to it.
    const timeoutMs = body.timeoutMs + 30_000;
    const response = await this.#open('POST', '/exec', body, { ...options, timeoutMs });
    let exit: ExecExit | undefined;
    await readNdjson(response, execEvent, (event) => {
      if (event.type === 'output') onOutput(event.text, event.stream);
      else exit = event;
    });
    if (exit === undefined)
      throw new ToolsUnavailable('the connection to the tools ended before the command did', true);
    return exit;
  }

  /** Follows a stream of events until it ends or the signal aborts. */
  async follow<T>(
    path: string,
    schema: z.ZodType<T>,
    onEvent: (event: T) => void,
    options: CallOptions,
  ): Promise<void> {
    const response = await this.#open('GET', path, undefined, { ...options, timeoutMs: 0 });
    await readNdjson(response, schema, onEvent);
  }

  /**
   * A request whose body goes on while its answer comes; `head` is the first line of that body. With `body` it is whole at once.
   * Aborting the signal closes the connection. Throws as `call` does.
   */
  converse(
    path: string,
    head: object,
    options: CallOptions & { body?: string | Uint8Array } = {},
  ): Promise<Conversation> {
    return this.#patiently(options, () => this.#converseOnce(path, head, options));
  }

  /** A connection that speaks `protocol` from now on. Throws as `call` does. */
  upgrade(path: string, protocol: string): Promise<Duplex> {
    return this.#patiently({}, () => this.#upgradeOnce(path, protocol));
  }

  #open(
    method: string,
    path: string,
    body: object | undefined,
    options: CallOptions,
  ): Promise<IncomingMessage> {
    return this.#patiently(options, () => this.#openOnce(method, path, body, options));
  }

  /** Tries again as long as there is patience and nothing was sent. */
  async #patiently<T>(options: CallOptions, attempt: () => Promise<T>): Promise<T> {
    const deadline = performance.now() + (options.patienceMs ?? this.#patienceMs);
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        const again = error instanceof ToolsUnavailable && !error.sent && performance.now() < deadline;
        if (!again) throw error;
        await pause(retryDelayMs, options.signal);
      }
    }
  }

  #converseOnce(
    path: string,
    head: object,
    options: CallOptions & { body?: string | Uint8Array },
  ): Promise<Conversation> {
    options.signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      const outgoing = request({
        ...{ socketPath: this.#socketPath, agent: false, method: 'POST', path },
        ...(options.signal && { signal: options.signal }),
        headers: { 'content-type': 'application/octet-stream' },
        timeout: options.timeoutMs ?? 60_000,
      });
      this.#watch(outgoing, options, reject);
      outgoing.on('response', (answer) => {
        outgoing.setTimeout(0);
        if ((answer.statusCode ?? 500) < 400) return resolve({ input: outgoing, answer });
        readAll(answer).then((text) => reject(refusal(answer.statusCode ?? 500, text)), reject);
      });
      outgoing.write(`${JSON.stringify(head)}\n`);
      if (options.body !== undefined) outgoing.end(options.body);
    });
  }

  #upgradeOnce(path: string, protocol: string): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      const headers = { connection: 'Upgrade', upgrade: protocol };
      const outgoing = request({
        ...{ socketPath: this.#socketPath, agent: false, path, headers },
        timeout: upgradeTimeoutMs,
      });
      this.#watch(outgoing, {}, reject);
      outgoing.on('response', (response) => {
        readAll(response).then((text) => reject(refusal(response.statusCode ?? 500, text)), reject);
      });
      outgoing.on('upgrade', (_answer, socket, head) => {
        outgoing.removeAllListeners('timeout');
        socket.setTimeout(0);
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
      });
      outgoing.end();
    });
  }

  #openOnce(
    method: string,
    path: string,
    body: object | undefined,
    options: CallOptions,
  ): Promise<IncomingMessage> {
    options.signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      const payload = body === undefined ? undefined : JSON.stringify(body);
      const outgoing = request({
        socketPath: this.#socketPath,
        agent: this.#agent,
        method,
        path,
        timeout: options.timeoutMs ?? 60_000,
        ...(options.signal && { signal: options.signal }),
        headers:
          payload === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) },
      });
      this.#watch(outgoing, options, reject);
      outgoing.on('response', (response) => {
        if ((response.statusCode ?? 500) < 400) return resolve(response);
        readAll(response).then((text) => reject(refusal(response.statusCode ?? 500, text)), reject);
      });
      outgoing.end(payload);
    });
  }

  /** Rejects with what it means that the request broke or took too long. */
  #watch(outgoing: ClientRequest, options: CallOptions, reject: (error: unknown) => void): void {
    outgoing.on('timeout', () =>
      outgoing.destroy(new ToolsUnavailable('the tools did not answer in time', true)),
    );
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      if (options.signal?.aborted) reject(options.signal.reason);
      else if (error instanceof ToolsUnavailable) reject(error);
      else
        reject(
          new ToolsUnavailable(
            'the tools of the workspace cannot be reached',
            !isConnectFailure(error),
            error,
          ),
        );
    });
  }
}

/** Both directions of one request. Whoever holds it ends `input`, and reads `answer` or destroys it. */
export interface Conversation {
  input: Writable;
  answer: IncomingMessage;
}

export type ExecExit = Extract<z.infer<typeof execEvent>, { type: 'exit' }>;

/** Nothing was sent: no socket, or nobody behind it. */
function isConnectFailure(error: NodeJS.ErrnoException): boolean {
  return (
    error.syscall === 'connect' && ['ENOENT', 'ECONNREFUSED', 'EAGAIN', 'EACCES'].includes(error.code ?? '')
  );
}

function refusal(status: number, text: string): Error {
  const parsed = toolError.safeParse(parseJson(text));
  if (!parsed.success) return new ToolsUnavailable(`the tools answered ${status} without saying why`, true);
  const { code, message } = parsed.data.error;
  return new ToolRefused(code, message.slice(0, 4096));
}

function parseAnswer<T>(text: string, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(parseJson(text));
  if (!parsed.success)
    throw new ToolsUnavailable('the tools gave an answer that is not of their API', true, parsed.error);
  return parsed.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ToolsUnavailable('the tools gave an answer that is no JSON', true, error);
  }
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  await consume(response, (chunk) => {
    bytes += chunk.length;
    if (bytes > maxAnswerBytes)
      throw new ToolsUnavailable('the tools gave an answer that is too large', true);
    chunks.push(chunk);
  });
  return Buffer.concat(chunks).toString('utf8');
}

/** Reads lines of JSON to the end. Throws `ToolsUnavailable`, or what `onEvent` throws. */
export async function readNdjson<T>(
  response: IncomingMessage,
  schema: z.ZodType<T>,
  onEvent: (event: T) => void,
): Promise<void> {
  let rest = Buffer.alloc(0);
  await consume(response, (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
      const line = rest.subarray(0, end).toString('utf8');
      rest = rest.subarray(end + 1);
      if (line.trim() !== '') onEvent(parseAnswer(line, schema));
    }
    if (rest.length > maxLineBytes)
      throw new ToolsUnavailable('the tools sent a line that is too long', true);
  });
}

/** Reads to the end; whatever breaks it is `ToolsUnavailable`, and the connection is closed with it. */
async function consume(response: IncomingMessage, onChunk: (chunk: Buffer) => void): Promise<void> {
  try {
    for await (const chunk of response) onChunk(chunk as Buffer);
  } catch (error) {
    response.destroy();
    if (error instanceof ToolsUnavailable || (error as Error).name === 'AbortError') throw error;
    throw new ToolsUnavailable('the connection to the tools broke', true, error);
  }
}

/** Waits, or rejects with the signal's reason. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', abort, { once: true });
  });
}
