import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Clock, delay, keyOf } from '@dormouse/operator/kube';
import type { Logger } from '@dormouse/operator/telemetry';
import type { Attach, Target } from './attach/index.ts';
import type { AuditRecord } from './audit/audit.ts';
import type { Identity } from './auth/index.ts';
import type { Admission, Door } from './door.ts';
import { answerRefusal, refuseUpgrade } from './http/answer.ts';
import { Refusal, refusalOf } from './http/refusal.ts';

export interface GatewayOptions {
  door: Pick<Door, 'admit'>;
  attach: Pick<Attach, 'serve' | 'join'>;
  clock: Clock;
  log: Logger;
  audit: (record: AuditRecord) => void;
  /** Told of each request that ended. */
  ended: (route: string, status: number, refusal: Refusal | undefined) => void;
  /** Milliseconds for the headers of a request, and for the whole of it with the time that it is held. */
  timeouts: { headers: number; request: number };
}

/** Bytes of a request's head. */
const longestHead = 16 * 1024;
/** Milliseconds in which what was given up gets its answer. */
const lastWords = 1_000;
/** What a server says of a client that did not wait, since nginx. */
const clientLeft = 499;

class ClientLeft extends Error {}
class Ended extends Error {}

/** A request under way. */
interface Visit {
  controller: AbortController;
  streams: boolean;
  target?: Target;
  identity?: Identity;
}

/** The HTTP server: lets requests in through the door, has them served, and accounts for each. */
export class Gateway {
  readonly #options: GatewayOptions;
  readonly #server: Server;
  readonly #visits = new Set<Visit>();
  #draining = false;
  #emptied: () => void = () => undefined;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#server = createServer(
      {
        maxHeaderSize: longestHead,
        headersTimeout: options.timeouts.headers,
        requestTimeout: options.timeouts.request,
        // How often the two are looked at.
        connectionsCheckingInterval: Math.min(1_000, options.timeouts.headers),
        keepAliveTimeout: 65_000,
      },
      (request, response) => void this.#request(request, response),
    );
    this.#server.on('upgrade', (request, socket, head) => void this.#upgrade(request, socket, head));
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Requests, streams and WebSockets under way. */
  get open(): number {
    return this.#visits.size;
  }

  /** The port that it listens on; 0 takes any. Rejects where it cannot. */
  async listen(port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  /** Takes no new connections, ends streams, and gives requests `grace` milliseconds. Resolves when nothing is left. */
  async drain(grace: number): Promise<void> {
    this.#draining = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const visit of this.#visits) if (visit.streams) visit.controller.abort(new Ended());
    await this.#whenEmpty(grace);
    for (const visit of this.#visits)
      visit.controller.abort(
        new Refusal('unavailable', 'The gateway is being restarted. Send it again.', { 'retry-after': '1' }),
      );
    await this.#whenEmpty(lastWords);
    this.#server.closeAllConnections();
    await closed;
  }

  /** Resolves when nothing is under way, or after so many milliseconds. */
  async #whenEmpty(limit: number): Promise<void> {
    if (this.#visits.size === 0) return;
    const empty = new AbortController();
    this.#emptied = () => empty.abort();
    await delay(this.#options.clock, limit, empty.signal);
  }

  async #request(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { attach } = this.#options;
    const refuse = (refusal: Refusal) => answerRefusal(response, refusal);
    if (this.#draining) response.shouldKeepAlive = false;
    await this.#visit(request, false, refuse, async (admission, visit) => {
      response.once('close', () => {
        if (!response.writableFinished) visit.controller.abort(new ClientLeft());
      });
      if (response.destroyed) throw new ClientLeft();
      try {
        await attach.serve(this.#attaching(admission, request, visit, { response }), admission.check);
      } catch (error) {
        if (!(error instanceof Ended)) throw error;
        response.end();
      }
      return response.statusCode;
    });
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { attach } = this.#options;
    // Until the two sockets are joined nobody else listens, and an error without a listener ends the process.
    socket.on('error', () => undefined);
    const refuse = (refusal: Refusal) => refuseUpgrade(socket, refusal);
    await this.#visit(request, true, refuse, async (admission, visit) => {
      socket.once('close', () => visit.controller.abort(new ClientLeft()));
      if (socket.destroyed) throw new ClientLeft();
      return attach.join(this.#attaching(admission, request, visit, {}), socket, head, admission.check);
    });
  }

  #attaching<More>({ target }: Admission, request: IncomingMessage, visit: Visit, more: More) {
    const streams = () => {
      visit.streams = true;
      // It may stay open for days, and this process may end before: its beginning is told as well.
      this.#account(visit, 'opened', 200, 0);
      if (this.#draining) visit.controller.abort(new Ended());
    };
    return { target, request, signal: visit.controller.signal, streams, ...more };
  }

  /** From the first look at a request until it is accounted for. `serve` answers with the status that was sent. */
  async #visit(
    request: IncomingMessage,
    upgrade: boolean,
    refuse: (refusal: Refusal) => void,
    serve: (admission: Admission, visit: Visit) => Promise<number>,
  ): Promise<void> {
    const { door, clock, log, ended } = this.#options;
    const since = clock.monotonic();
    const visit: Visit = { controller: new AbortController(), streams: false };
    this.#visits.add(visit);
    let outcome = 'answered';
    let status = clientLeft;
    let refusal: Refusal | undefined;
    try {
      const admission = await door.admit(request, upgrade, (what) => Object.assign(visit, what));
      try {
        status = await serve(admission, visit);
      } finally {
        admission.leave();
      }
    } catch (error) {
      if (error instanceof ClientLeft) outcome = 'left';
      else {
        refusal = refusalOf(error);
        if (refusal.code === 'internal') log.error({ err: error }, 'request failed');
        outcome = refusal.code;
        status = refusal.status;
        refuse(refusal);
      }
    } finally {
      this.#visits.delete(visit);
      if (this.#visits.size === 0) this.#emptied();
      ended(visit.target?.route ?? 'none', status, refusal);
      this.#account(visit, outcome, status, Math.round(clock.monotonic() - since));
    }
  }

  #account({ target, identity }: Visit, outcome: string, status: number, milliseconds: number): void {
    // Nobody in particular asked for nothing in particular: the metrics count those.
    if (target === undefined || identity === undefined) return;
    this.#options.audit({
      action: target.right,
      user: identity.username,
      groups: identity.groups.length,
      workspace: keyOf(target.workspace),
      route: target.route,
      ...(target.to.kind === 'service' ? { service: target.to.service } : {}),
      outcome,
      status,
      milliseconds,
    });
  }
}
