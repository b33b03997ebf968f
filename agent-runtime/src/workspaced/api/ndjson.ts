import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { whenGone } from './gone.ts';

/** Bytes that a client may be behind before its stream is cut. */
const maxBacklog = 4 * 1024 * 1024;

/** An answer of one JSON document a line. What is written after the client has gone is dropped. */
export class NdjsonStream {
  readonly #response: ServerResponse;
  /** Aborted when the client closes the connection before the answer is complete. */
  readonly gone: AbortSignal;

  constructor(response: ServerResponse) {
    this.#response = response;
    this.gone = whenGone(response);
  }

  /** Sends the status and headers now, so that the client knows that it is being served. */
  open(): void {
    this.#response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    this.#response.flushHeaders();
  }

  /** Resolves when there is room for more, or nobody to read it. */
  async write(value: unknown): Promise<void> {
    if (this.#put(value)) return;
    try {
      await once(this.#response, 'drain', { signal: this.gone });
    } catch (error) {
      if (!this.gone.aborted) throw error;
    }
  }

  /** Writes without waiting. A client that does not keep up is cut off: it asks anew, and memory stays bounded. */
  push(value: unknown): void {
    this.#put(value);
    if (this.#response.writableLength > maxBacklog) this.drop();
  }

  end(): void {
    this.#response.end();
  }

  /** Drops the connection: the client sees an answer that was cut, not one that is complete. */
  drop(): void {
    this.#response.destroy();
  }

  /** Whether there is room for more at once. */
  #put(value: unknown): boolean {
    if (this.gone.aborted) return true;
    if (!this.#response.headersSent) this.open();
    return this.#response.write(`${JSON.stringify(value)}\n`);
  }
}
