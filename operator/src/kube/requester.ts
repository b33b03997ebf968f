import { randomInt } from 'node:crypto';
import type { Dispatcher } from 'undici';
import type { RequestObserver, RequestOptions } from './client.ts';
import { type Clock, delay } from './clock.ts';
import type { Connection } from './connection.ts';
import { KubeError, ServerError, TooManyRequestsError, TransportError } from './errors.ts';
import { type KubeObject, keyOf, type ObjectName } from './object.ts';
import type { Resource } from './resources.ts';
import { errorOf } from './status.ts';

/** Milliseconds for the whole answer, unless the caller says otherwise. */
const requestTimeout = 15_000;
/** Tries of what may be repeated, the first one included. */
const attemptsOfReads = 4;
/** Milliseconds before the second try; doubled for each further one. */
const firstRetry = 100;
/** A server that asks for more patience than this gets its error handed to the caller, who has a back-off. */
const longestRetryAfter = 5_000;

export interface Call {
  verb: string;
  of: Resource<KubeObject>;
  name?: ObjectName;
  method: Dispatcher.HttpMethod;
  path: string;
  query?: Record<string, string | undefined>;
  contentType?: string;
  body?: object;
  options: RequestOptions | undefined;
  /** Whether it may be sent again when nobody knows whether it was carried out. */
  idempotent?: boolean;
}

/** Requests with deadlines, repetition, typed errors and a note for the metrics. */
export class Requester {
  readonly #connection: Connection;
  readonly #observer: RequestObserver | undefined;
  readonly #clock: Clock;
  readonly #userAgent: string;

  constructor(
    connection: Connection,
    clock: Clock,
    userAgent: string,
    observer: RequestObserver | undefined,
  ) {
    this.#connection = connection;
    this.#clock = clock;
    this.#userAgent = userAgent;
    this.#observer = observer;
  }

  #headers(contentType?: string): Record<string, string> {
    const headers: Record<string, string> = { accept: 'application/json', 'user-agent': this.#userAgent };
    if (contentType !== undefined) headers['content-type'] = contentType;
    return headers;
  }

  /** The answer's JSON. Rejects with a {@link KubeError}, or with the signal's reason. */
  async json<T>(call: Call): Promise<T> {
    const attempts = call.idempotent ? attemptsOfReads : 1;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once<T>(call);
      } catch (error) {
        if (!(error instanceof KubeError) || !error.retryable || attempt >= attempts) throw error;
        const wait = retryDelay(error, attempt);
        if (wait > longestRetryAfter) throw error;
        await delay(this.#clock, wait, call.options?.signal);
        call.options?.signal?.throwIfAborted();
      }
    }
  }

  async #once<T>(call: Call): Promise<T> {
    const { of, name, options } = call;
    const what = `${call.verb} ${of.plural}${name === undefined ? '' : ` ${keyOf(name)}`}`;
    const timeout = options?.timeout ?? requestTimeout;
    const deadline = new Deadline(what, timeout, options?.signal);
    try {
      const response = await this.#observed(call.verb, of.plural, options?.signal, what, (renew) =>
        this.#connection.send({
          method: call.method,
          path: withQuery(call.path, call.query),
          headers: this.#headers(call.body && (call.contentType ?? 'application/json')),
          ...(call.body !== undefined && { body: JSON.stringify(call.body) }),
          signal: deadline.signal,
          headersTimeout: timeout,
          bodyTimeout: timeout,
          apart: options?.urgent ?? false,
          renew,
        }),
      );
      return JSON.parse(await response.body.text()) as T;
    } catch (error) {
      // An answer that came is the better news, even where it came with the end of the time.
      if (error instanceof KubeError && error.status > 0) throw error;
      options?.signal?.throwIfAborted();
      if (error instanceof KubeError) throw error;
      throw new TransportError(`${what}: ${String((error as Error).message)}`, error);
    } finally {
      deadline.clear();
    }
  }

  /** An answer below 300 whose body is still to come, on a socket of its own; nothing is repeated. */
  stream(
    what: string,
    request: { verb: string; of: Resource<KubeObject>; path: string; query: Call['query'] },
    options: { signal: AbortSignal; silence: number },
  ): Promise<Dispatcher.ResponseData> {
    return this.#observed(request.verb, request.of.plural, options.signal, what, (renew) =>
      this.#connection.send({
        method: 'GET',
        path: withQuery(request.path, request.query),
        headers: this.#headers(),
        signal: options.signal,
        headersTimeout: requestTimeout,
        bodyTimeout: options.silence,
        apart: true,
        renew,
      }),
    );
  }

  /** Sends, once more with fresh credentials on 401, and turns a status of 300 or more into its error. */
  async #observed(
    verb: string,
    resource: string,
    signal: AbortSignal | undefined,
    what: string,
    send: (renew: boolean) => Promise<Dispatcher.ResponseData>,
  ): Promise<Dispatcher.ResponseData> {
    const started = this.#clock.monotonic();
    const note = (code: string) =>
      this.#observer?.observeRequest({
        verb,
        resource,
        code,
        seconds: (this.#clock.monotonic() - started) / 1000,
      });
    let response: Dispatcher.ResponseData;
    try {
      response = await send(false);
      if (response.statusCode === 401) {
        await response.body.dump();
        response = await send(true);
      }
    } catch (error) {
      signal?.throwIfAborted();
      note('error');
      if (error instanceof TransportError) throw error;
      throw new TransportError(`${what}: ${(error as Error).message}`, error);
    }
    const { statusCode, headers, body } = response;
    note(String(statusCode));
    if (statusCode < 300) return response;
    const retryAfter = headers['retry-after'];
    let text: string;
    try {
      text = await body.text();
    } catch (error) {
      signal?.throwIfAborted();
      // The status alone says what matters.
      text = (error as Error).message;
    }
    throw errorOf(what, statusCode, text, typeof retryAfter === 'string' ? retryAfter : undefined);
  }
}

/** Ends a request after a time or with the caller's signal, without a listener left on the latter. */
class Deadline {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #outer: AbortSignal | undefined;
  readonly #abort = () => this.#controller.abort(this.#outer?.reason);

  constructor(what: string, milliseconds: number, outer: AbortSignal | undefined) {
    this.#outer = outer;
    this.#timer = setTimeout(() => {
      this.#controller.abort(new TransportError(`${what}: no whole answer within ${milliseconds} ms`));
    }, milliseconds);
    if (outer?.aborted) this.#abort();
    else outer?.addEventListener('abort', this.#abort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener('abort', this.#abort);
  }
}

function retryDelay(error: KubeError, attempt: number): number {
  const asked =
    error instanceof TooManyRequestsError || error instanceof ServerError ? error.retryAfter : undefined;
  const own = firstRetry * 2 ** (attempt - 1);
  return asked ?? randomInt(own / 2, own + 1);
}

function withQuery(path: string, query: Record<string, string | undefined> | undefined): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) search.set(name, value);
  return search.size === 0 ? path : `${path}?${search}`;
}
