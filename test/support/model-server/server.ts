/** A server that speaks the wire format of the Messages API and follows the script in each request. */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Answer, answer } from './answer.ts';
import { ApiError, errorBody, invalid } from './api-error.ts';
import { type ApiVersion, apiVersion, checkVersion } from './api-version.ts';
import { compact } from './compaction.ts';
import { checkConversation } from './conversation.ts';
import { EventStream } from './event-stream.ts';
import { durationMs, streamEvents, wholeMessage } from './events.ts';
import { type Attempt, type Fault, faultHeader, isActive, parseFault, retryAfter } from './fault.ts';
import { model, modelPage } from './models.ts';
import {
  type CountRequest,
  type MessagesRequest,
  parseCountRequest,
  parseMessagesRequest,
} from './request.ts';
import { readJson } from './request-body.ts';
import { checkSignature, compactionBeta } from './summary.ts';
import { inputUsage, totalInput } from './usage.ts';

export interface ModelServerOptions {
  /** 0, the default: any free one. */
  port?: number;
  /** Default: loopback only. */
  host?: string;
  /** The key that requests must carry. Without one, they need none. */
  apiKey?: string;
  /** Bytes of the largest body. Default: 32 MiB, as documented. */
  maxBodyBytes?: number;
  /** Tokens of the largest prompt. */
  contextWindow?: number;
  /** Whether it compacts when asked to, as the API does. Default: yes. */
  compaction?: boolean;
  /** The levels of effort that its models know. Default: all. */
  efforts?: readonly string[];
  /** What it signs summaries with: another server with the same one takes them. */
  signingKey?: string;
  /** A fault for every request that names none. */
  fault?: Fault;
  /** For tests in the same process: one entry for each request to `/v1/messages`, used up in order; `undefined` is none. */
  faults?: (Fault | undefined)[];
  /** Told of every answer when it has been sent or was given up. */
  onAnswer?: (record: AnswerRecord) => void;
}

export interface AnswerRecord {
  method: string;
  path: string;
  status: number;
  requestId: string;
  /** The parsed body, where there was one. */
  body: unknown;
  durationMs: number;
}

export interface ModelServer {
  /** What a client takes as its base URL. */
  url: string;
  port: number;
  /** Ends open streams as well. */
  close(): Promise<void>;
}

const defaults = { maxBodyBytes: 32 * 1024 * 1024, contextWindow: 1_000_000, signingKey: 'scripted' };
/** The most output that a request may ask for. */
const maximumOutput = 128_000;

/** Starts a server and resolves when it listens. */
export async function startModelServer(options: ModelServerOptions = {}): Promise<ModelServer> {
  const faults = [...(options.faults ?? [])];
  const server = createServer((request, response) => {
    const exchange = new Exchange(request, response, options, faults);
    exchange.run().catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, options.host ?? '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}

/** One request and its answer. */
class Exchange {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #options: ModelServerOptions;
  readonly #faults: (Fault | undefined)[];
  readonly #requestId = `req_${randomBytes(18).toString('base64url')}`;
  readonly #started = performance.now();
  #body: unknown;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    options: ModelServerOptions,
    faults: (Fault | undefined)[],
  ) {
    this.#request = request;
    this.#response = response;
    this.#options = options;
    this.#faults = faults;
  }

  async run(): Promise<void> {
    const { pathname: path, searchParams } = new URL(this.#request.url ?? '/', 'http://model');
    this.#response.setHeader('request-id', this.#requestId);
    try {
      await this.#route(path, searchParams);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#fail(error);
    } finally {
      this.#options.onAnswer?.({
        method: this.#request.method ?? '',
        path,
        status: this.#response.statusCode,
        requestId: this.#requestId,
        body: this.#body,
        durationMs: performance.now() - this.#started,
      });
    }
  }

  async #route(path: string, query: URLSearchParams): Promise<void> {
    if (path === '/healthz') return this.#json({ status: 'ok' });
    const ofModels = /^\/v1\/models(?:\/([^/]+))?$/.exec(path);
    if (ofModels !== null) return this.#models(ofModels[1], query);
    if (path !== '/v1/messages' && path !== '/v1/messages/count_tokens') {
      throw new ApiError(404, `Not found: ${path}`);
    }
    if (this.#request.method !== 'POST') throw new ApiError(405, 'Method Not Allowed');
    const version = this.#checkHeaders();
    if (!/^application\/json *(;|$)/i.test(this.#request.headers['content-type'] ?? '')) {
      throw invalid('content-type: must be application/json');
    }
    this.#body = await readJson(this.#request, this.#options.maxBodyBytes ?? defaults.maxBodyBytes);
    if (path.endsWith('/count_tokens')) return this.#count(parseCountRequest(this.#body));
    await this.#messages(parseMessagesRequest(this.#body), version);
  }

  #checkHeaders(): ApiVersion {
    const { headers } = this.#request;
    const { apiKey } = this.#options;
    if (apiKey !== undefined && presentedKey(headers) !== apiKey) {
      throw new ApiError(
        401,
        presentedKey(headers) === undefined
          ? 'A key is required: send it as `authorization: Bearer KEY` or `x-api-key: KEY`'
          : 'API key is invalid.',
      );
    }
    return apiVersion(headers['anthropic-version']?.toString());
  }

  #models(id: string | undefined, query: URLSearchParams): void {
    if (this.#request.method !== 'GET') throw new ApiError(405, 'Method Not Allowed');
    this.#checkHeaders();
    this.#json(id === undefined ? modelPage(query) : model(decodeURIComponent(id)));
  }

  #count(request: CountRequest): void {
    checkConversation(request);
    this.#json({ input_tokens: totalInput(inputUsage(request)) });
  }

  async #messages(request: MessagesRequest, version: ApiVersion): Promise<void> {
    checkVersion(request, version);
    this.#checkBetas(request);
    this.#checkEffort(request);
    checkConversation(request);
    this.#checkSizes(request);
    const attempt = this.#attempt();
    const reply = request.compaction == null ? answer(request, attempt) : compact(request, this.#signingKey);
    const asked = this.#requestedFault() ?? reply.fault;
    const fault = asked !== undefined && isActive(asked, attempt) ? asked : undefined;
    if (fault?.kind === 'status') {
      throw new ApiError(fault.status, faultMessage(fault.status), retryAfter(fault, attempt));
    }
    if (request.stream === true) await this.#stream(request, reply, fault);
    else await this.#whole(request, reply, fault);
  }

  get #signingKey(): string {
    return this.#options.signingKey ?? defaults.signingKey;
  }

  /** What only a beta offers is an unknown field without its header, and without the beta. */
  #checkBetas(request: MessagesRequest): void {
    const asked = String(this.#request.headers['anthropic-beta'] ?? '').split(/ *, */);
    const offered = asked.includes(compactionBeta) && this.#options.compaction !== false;
    if (!offered && request.compaction != null) throw invalid('compaction: Extra inputs are not permitted');
    const block = request.messages.some(
      (message) =>
        typeof message.content !== 'string' && message.content.some((it) => it.type === 'compaction'),
    );
    if (!offered && block) {
      throw invalid(
        "messages.0.content.0.type: Input tag 'compaction' does not match any of the expected tags",
      );
    }
    checkSignature(request, this.#signingKey);
  }

  #checkEffort({ model, output_config: asked }: MessagesRequest): void {
    const { efforts } = this.#options;
    if (asked?.effort == null || efforts === undefined || efforts.includes(asked.effort)) return;
    throw invalid(
      efforts.length === 0
        ? 'This model does not support the effort parameter.'
        : `output_config.effort: '${asked.effort}' is not supported by ${model}`,
    );
  }

  #checkSizes(request: MessagesRequest): void {
    if (request.max_tokens > maximumOutput) {
      throw invalid(
        `max_tokens: ${request.max_tokens} > ${maximumOutput}, which is the maximum allowed number of output tokens for ${request.model}`,
      );
    }
    const window = this.#options.contextWindow ?? defaults.contextWindow;
    const prompt = totalInput(inputUsage(request));
    if (prompt > window) throw invalid(`prompt is too long: ${prompt} tokens > ${window} maximum`);
  }

  #attempt(): Attempt {
    return { now: Date.now(), retries: Number(this.#request.headers['x-stainless-retry-count'] ?? 0) };
  }

  #requestedFault(): Fault | undefined {
    const header = this.#request.headers[faultHeader];
    if (header !== undefined) {
      const fault = parseFault(String(header));
      if (fault === undefined) throw invalid(`${faultHeader}: not a fault: ${header}`);
      return fault;
    }
    return this.#faults.length > 0 ? this.#faults.shift() : this.#options.fault;
  }

  async #whole(request: MessagesRequest, reply: Answer, fault: Fault | undefined): Promise<void> {
    const stream = new EventStream(this.#response);
    if (fault?.kind === 'cut' || fault?.kind === 'error') return stream.cut();
    await stream.pause(durationMs(reply) + (fault?.kind === 'slow' ? fault.everyMs : 0));
    this.#json(wholeMessage(reply, request.model, inputUsage(request)));
  }

  async #stream(request: MessagesRequest, reply: Answer, fault: Fault | undefined): Promise<void> {
    const stream = new EventStream(this.#response);
    stream.open();
    let sent = 0;
    for (const event of streamEvents(reply, request.model, inputUsage(request))) {
      if (fault?.kind === 'cut' && sent === fault.after) return stream.cut();
      if (fault?.kind === 'error' && sent === fault.after) {
        await stream.send('error', errorBody(529, faultMessage(529), this.#requestId));
        return stream.end();
      }
      await stream.pause(event.afterMs + (fault?.kind === 'slow' ? fault.everyMs : 0));
      if (stream.gone) return;
      await stream.send(event.name, event.data);
      sent += 1;
    }
    stream.end();
  }

  #json(body: object): void {
    if (this.#response.destroyed) return;
    this.#response.setHeader('content-type', 'application/json');
    this.#response.end(JSON.stringify(body));
  }

  #fail(error: ApiError): void {
    const retryable = error.status === 409 || error.status === 429 || error.status >= 500;
    this.#response.statusCode = error.status;
    this.#response.setHeader('x-should-retry', String(retryable));
    if (error.retryAfter !== undefined) this.#response.setHeader('retry-after', String(error.retryAfter));
    // What is left of a refused body is not read: the connection can't carry another request.
    if (error.status === 413) this.#response.setHeader('connection', 'close');
    this.#json(errorBody(error.status, error.message, this.#requestId));
  }
}

/** The documented places of a key: a bearer token, as the SDK sends it since 1.x, and the older header of its own. */
function presentedKey(headers: IncomingHttpHeaders): string | undefined {
  return /^bearer (.+)$/i.exec(headers.authorization ?? '')?.[1] ?? headers['x-api-key']?.toString();
}

function faultMessage(status: number): string {
  if (status === 429) return 'This request would exceed the rate limit. Please try again later.';
  if (status === 529) return 'Overloaded';
  if (status === 401) return 'API key is invalid.';
  return status >= 500 ? 'Internal server error' : `The request was refused with ${status}, as asked for.`;
}
