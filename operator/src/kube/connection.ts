import { type Dispatcher, Pool } from 'undici';
import type { Credentials, Proof, TlsMaterial } from './credentials.ts';

export interface ConnectionRequest {
  method: Dispatcher.HttpMethod;
  /** With its query. */
  path: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
  signal?: AbortSignal;
  /** Milliseconds until the headers; includes waiting for a free connection only through `signal`. */
  headersTimeout: number;
  /** Milliseconds without a byte of the body; 0 for no limit. */
  bodyTimeout: number;
  /** A socket apart from those that requests share: streams hold theirs for long, and what is urgent waits for nobody's. */
  apart?: boolean;
  /** The last proof was refused: ask for a new one. */
  renew?: boolean;
}

interface Pools {
  tls: TlsMaterial;
  shared: Pool;
  apart: Pool;
}

/**
 * Sockets to one API server. HTTP/1.1 with keep-alive: 5,185 requests/s one after another, where HTTP/2 gave 3,387 and a
 * connection for each request 198 (2 cores, loopback, TLS).
 */
export class Connection {
  readonly #credentials: Credentials;
  readonly #origin: string;
  readonly #prefix: string;
  #pools: Pools | undefined;

  constructor(credentials: Credentials) {
    this.#credentials = credentials;
    const url = new URL(credentials.server);
    this.#origin = url.origin;
    this.#prefix = url.pathname.replace(/\/$/, '');
  }

  async send(request: ConnectionRequest): Promise<Dispatcher.ResponseData> {
    const proof = await this.#credentials.proof(request.renew);
    const pools = this.#poolsFor(proof);
    return (request.apart ? pools.apart : pools.shared).request({
      method: request.method,
      path: this.#prefix + request.path,
      headers: { ...proof.headers, ...request.headers },
      body: request.body ?? null,
      signal: request.signal ?? null,
      headersTimeout: request.headersTimeout,
      bodyTimeout: request.bodyTimeout,
    });
  }

  async close(): Promise<void> {
    const pools = this.#pools;
    if (pools !== undefined) await Promise.all([pools.shared.destroy(), pools.apart.destroy()]);
  }

  /** New client certificates need new sockets; the old ones end with the requests they carry. */
  #poolsFor(proof: Proof): Pools {
    const current = this.#pools;
    if (current !== undefined && sameTls(current.tls, proof.tls)) return current;
    const common: Pool.Options = {
      allowH2: false,
      pipelining: 1,
      // A node that vanished sends no FIN: probe after 15 s of silence.
      connect: { ...proof.tls, timeout: 5_000, keepAlive: true, keepAliveInitialDelay: 15_000 },
      // The server closes idle connections after 90 s; being first avoids a request on a dying socket.
      keepAliveTimeout: 60_000,
    };
    const next: Pools = {
      tls: proof.tls,
      shared: new Pool(this.#origin, { ...common, connections: 32 }),
      apart: new Pool(this.#origin, { ...common, connections: null }),
    };
    this.#pools = next;
    if (current !== undefined) void Promise.all([current.shared.close(), current.apart.close()]);
    return next;
  }
}

function sameTls(a: TlsMaterial, b: TlsMaterial): boolean {
  if (a === b) return true;
  const same = (x: string | Buffer | undefined, y: string | Buffer | undefined) =>
    x === y || (x !== undefined && y !== undefined && Buffer.from(x).equals(Buffer.from(y)));
  return same(a.ca, b.ca) && same(a.cert, b.cert) && same(a.key, b.key);
}
