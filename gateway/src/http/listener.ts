import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Clock, delay } from '@dormouse/operator/kube';

export interface ListenerOptions {
  clock: Clock;
  /** Milliseconds for the headers of a request, and for the whole of it; 0: no limit. */
  timeouts: { headers: number; request: number };
  request: RequestListener;
}

/** How what is under way ends when the gateway is stopped. */
export interface Farewell {
  /** With what it is aborted when its time is over. */
  reason: () => Error;
  /** Milliseconds in which it may still answer after that; undefined: none, its connection is closed at once. */
  lastWords?: number;
}

/** Bytes of a request's head. */
const longestHead = 16 * 1024;

/** One port of the gateway, and what is under way on it: each part of the gateway listens alike, and ends in order. */
export class Listener<Underway extends { readonly controller: AbortController }> {
  /** For what is no plain request: upgrades, tunnels, sockets. */
  readonly server: Server;
  readonly #clock: Clock;
  readonly #underway = new Set<Underway>();
  #draining = false;
  #emptied: () => void = () => undefined;

  constructor({ clock, timeouts, request }: ListenerOptions) {
    this.#clock = clock;
    this.server = createServer(
      {
        maxHeaderSize: longestHead,
        headersTimeout: timeouts.headers,
        requestTimeout: timeouts.request,
        // How often the two are looked at.
        connectionsCheckingInterval: Math.min(1_000, timeouts.headers),
        keepAliveTimeout: 65_000,
      },
      (incoming, response) => {
        if (this.#draining) response.shouldKeepAlive = false;
        request(incoming, response);
      },
    );
  }

  get draining(): boolean {
    return this.#draining;
  }

  get underway(): ReadonlySet<Underway> {
    return this.#underway;
  }

  /** Counts it as under way until the returned function is called. */
  enter(each: Underway): () => void {
    this.#underway.add(each);
    return () => {
      this.#underway.delete(each);
      if (this.#underway.size === 0) this.#emptied();
    };
  }

  /** The port that it listens on; 0 takes any. Rejects where it cannot. */
  async listen(port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, resolve);
    });
    return (this.server.address() as AddressInfo).port;
  }

  /** Takes no new connections, gives what is under way `grace` milliseconds, then ends it. Resolves when nothing is left. */
  async drain(grace: number, { reason, lastWords }: Farewell): Promise<void> {
    this.#draining = true;
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    await this.#whenEmpty(grace);
    for (const { controller } of this.#underway) controller.abort(reason());
    if (lastWords !== undefined) await this.#whenEmpty(lastWords);
    this.server.closeAllConnections();
    await closed;
  }

  /** Resolves when nothing is under way, or after so many milliseconds. */
  async #whenEmpty(limit: number): Promise<void> {
    if (this.#underway.size === 0) return;
    const empty = new AbortController();
    this.#emptied = () => empty.abort();
    await delay(this.#clock, limit, empty.signal);
  }
}
