import type { IncomingMessage } from 'node:http';
import { Agent, type Dispatcher, errors } from 'undici';
import { Refusal } from '../http/refusal.ts';
import { type Address, authority } from './address.ts';
import { type Exchange, UnreachedError } from './forward.ts';
import { isEventStream, passHead, requestHeaders } from './headers.ts';
import { TimeLimits } from './time-limits.ts';

/** Milliseconds for which a connection that nobody uses is kept. */
const keepAlive = 30_000;

/** Whether a request has no body and may be repeated: nearly all that a workspace is asked. */
export function isBare({ method, headers }: IncomingMessage): boolean {
  return (
    (method === 'GET' || method === 'HEAD') &&
    headers['transfer-encoding'] === undefined &&
    headers['content-length'] === undefined
  );
}

/** Passes bare requests on, over connections that are used again: a third of the processor time that it took by node:http (docs/decisions/0015). */
export class Relay {
  readonly #dispatcher: Dispatcher;

  /** @param connect milliseconds until the workspace takes the connection */
  constructor(connect: number) {
    this.#dispatcher = new Agent({
      allowH2: false,
      pipelining: 1,
      keepAliveTimeout: keepAlive,
      keepAliveMaxTimeout: keepAlive,
      // The limits of an exchange end it, and they know of its client.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { timeout: connect },
    });
  }

  /**
   * Sends the request and its answer to the client, no faster than that reads. Resolves when the answer is complete.
   *
   * @throws as `forward`
   */
  pass(exchange: Exchange, { host, port, headers }: Address): Promise<void> {
    const { request, path } = exchange;
    return new Promise((resolve, reject) => {
      const passage = new Passage(exchange, resolve, reject);
      this.#dispatcher.dispatch(
        {
          origin: `http://${authority(host, port)}`,
          path,
          method: request.method ?? 'GET',
          headers: [...requestHeaders(request.rawHeaders, headers), ...headers],
        },
        passage,
      );
    });
  }
}

/** One request on its way, as undici tells of it. It ends once: by `resolve` or by `reject`. */
class Passage implements Dispatcher.DispatchHandler {
  readonly #exchange: Exchange;
  readonly #resolve: () => void;
  readonly #reject: (error: unknown) => void;
  readonly #limits: TimeLimits;
  readonly #abort = () => this.#fail(this.#exchange.signal.reason);
  #controller: Dispatcher.DispatchController | undefined;
  #over = false;
  /** Whether something of the body came, or its end: the head goes out with it, in one write. */
  #begun = false;

  constructor(exchange: Exchange, resolve: () => void, reject: (error: unknown) => void) {
    this.#exchange = exchange;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#limits = new TimeLimits(exchange, (refusal) => this.#fail(refusal));
    if (exchange.signal.aborted) this.#abort();
    else exchange.signal.addEventListener('abort', this.#abort, { once: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(new Error('it ended before it was sent'));
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (status < 200 || this.#over) return;
    const { response, checkStatus, rewriteLocation, streams } = this.#exchange;
    try {
      checkStatus(status);
      const raw = latin1(controller.rawHeaders);
      passHead(response, status, raw, rewriteLocation);
      if (isEventStream(raw)) {
        this.#limits.stop();
        streams();
      }
    } catch (error) {
      this.#fail(error);
      return;
    }
    // What came with it is told of in this turn.
    process.nextTick(() => {
      if (!this.#begun && !this.#over) response.flushHeaders();
    });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over) return;
    const { response, count } = this.#exchange;
    this.#begun = true;
    this.#limits.passed();
    count('out', chunk.length);
    if (response.write(chunk)) return;
    controller.pause();
    response.once('drain', () => controller.resume());
  }

  onResponseEnd(): void {
    if (this.#over) return;
    this.#begun = true;
    this.#exchange.response.end(() => {
      if (this.#leave()) this.#resolve();
    });
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    if (this.#exchange.response.headersSent)
      this.#fail(new Refusal('bad_gateway', 'The workspace broke off its answer.'));
    // What cannot be sent cannot be sent again either.
    else if (error instanceof errors.InvalidArgumentError) this.#fail(error);
    else this.#fail(new UnreachedError(error.message, { cause: error }));
  }

  #fail(error: unknown): void {
    if (!this.#leave()) return;
    this.#reject(error);
    // An answer that is not wanted is not read.
    this.#controller?.abort(new Error('the exchange ended'));
  }

  /** Answers whether it was under way until now. */
  #leave(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#limits.stop();
    this.#exchange.signal.removeEventListener('abort', this.#abort);
    return true;
  }
}

/** Names and values in turn, as node:http has them. */
function latin1(raw: unknown): string[] {
  return (raw as readonly Buffer[]).map((each) => each.toString('latin1'));
}
