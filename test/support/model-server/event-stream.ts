import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** Server-sent events on one response. A client that goes away ends pauses at once. */
export class EventStream {
  readonly #response: ServerResponse;
  readonly #left = new AbortController();

  constructor(response: ServerResponse) {
    this.#response = response;
    response.once('close', () => this.#left.abort());
  }

  /** Whether nobody listens any more. */
  get gone(): boolean {
    return this.#left.signal.aborted;
  }

  open(): void {
    this.#response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
    });
    this.#response.flushHeaders();
  }

  /** Resolves when the event has left, or can't. */
  async send(name: string, data: object): Promise<void> {
    if (this.gone) return;
    if (this.#response.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`)) return;
    await this.#unlessGone(once(this.#response, 'drain', { signal: this.#left.signal }));
  }

  async pause(milliseconds: number): Promise<void> {
    if (milliseconds > 0)
      await this.#unlessGone(delay(milliseconds, undefined, { signal: this.#left.signal }));
  }

  end(): void {
    this.#response.end();
  }

  /** Breaks the connection off, after what was written has been handed to the network. */
  async cut(): Promise<void> {
    const socket = this.#response.socket;
    if (socket === null) return;
    await new Promise<void>((resolve) => socket.write('', () => resolve()));
    socket.destroy();
  }

  async #unlessGone(wait: Promise<unknown>): Promise<void> {
    try {
      await wait;
    } catch (error) {
      if (!this.gone) throw error;
    }
  }
}
