import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Clock, keyOf } from '@dormouse/operator/kube';
import type { Logger } from '@dormouse/operator/telemetry';
import { type Attach, crossOriginTermsOf, type Target } from './attach/index.ts';
import type { AuditRecord } from './audit/audit.ts';
import type { Identity } from './auth/index.ts';
import type { Admission, Door } from './door.ts';
import { answerRefusal, refuseUpgrade } from './http/answer.ts';
import { abortWhenLeft, ClientLeft, clientLeftStatus } from './http/client-left.ts';
import { answerPreflight, isPreflight, letPageRead, pageOf } from './http/cross-origin.ts';
import { Listener } from './http/listener.ts';
import { Refusal, refusalOf } from './http/refusal.ts';
import type { McpEndpoint } from './mcp/index.ts';
import type { Span, Tracing } from './telemetry/tracing.ts';

export interface GatewayOptions {
  door: Pick<Door, 'admit'>;
  attach: Pick<Attach, 'serve' | 'join'>;
  mcp: Pick<McpEndpoint, 'serve'>;
  /** Pages of these origins may read answers. */
  origins: ReadonlySet<string>;
  tracing: Pick<Tracing, 'serve'>;
  clock: Clock;
  log: Logger;
  audit: (record: AuditRecord) => void;
  /** Told of each request that ended. */
  ended: (route: string, status: number, refusal: Refusal | undefined) => void;
  /** Milliseconds for the headers of a request, and for the whole of it with the time that it is held. */
  timeouts: { headers: number; request: number };
}

/** Milliseconds in which what was given up gets its answer. */
const lastWords = 1_000;

class Ended extends Error {}

/** A request under way. */
interface Visit {
  controller: AbortController;
  streams: boolean;
  span: Span;
  target?: Target;
  identity?: Identity;
}

/** The HTTP server: lets requests in through the door, has them served, and accounts for each. */
export class Gateway {
  readonly #options: GatewayOptions;
  readonly #listener: Listener<Visit>;
  #port = 0;

  constructor(options: GatewayOptions) {
    this.#options = options;
    const { clock, timeouts } = options;
    this.#listener = new Listener({
      ...{ clock, timeouts },
      request: (request, response) => void this.#request(request, response),
    });
    this.#listener.server.on('upgrade', (request, socket, head) => void this.#upgrade(request, socket, head));
  }

  get draining(): boolean {
    return this.#listener.draining;
  }

  /** Requests, streams and WebSockets under way. */
  get open(): number {
    return this.#listener.underway.size;
  }

  /** The port that it listens on; 0 takes any. Rejects where it cannot. */
  async listen(port: number): Promise<number> {
    this.#port = await this.#listener.listen(port);
    return this.#port;
  }

  /** Where this process reaches itself, once it listens. */
  get ownOrigin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Takes no new connections, ends streams, and gives requests `grace` milliseconds. Resolves when nothing is left. */
  async drain(grace: number): Promise<void> {
    const drained = this.#listener.drain(grace, {
      reason: () =>
        new Refusal('unavailable', 'The gateway is being restarted. Send it again.', { 'retry-after': '1' }),
      lastWords,
    });
    for (const visit of this.#listener.underway) if (visit.streams) visit.controller.abort(new Ended());
    await drained;
  }

  async #request(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { attach, mcp, origins } = this.#options;
    const page = pageOf(request.headers, origins);
    if (page !== undefined) {
      letPageRead(response, page);
      if (isPreflight(request)) return this.#preflight(request, response);
    }
    const refuse = (refusal: Refusal) => answerRefusal(response, refusal);
    await this.#visit(request, false, refuse, async (admission, visit) => {
      abortWhenLeft(response, visit.controller);
      if (response.destroyed) throw new ClientLeft();
      try {
        const attaching = this.#attaching(admission, request, visit, { response });
        if (admission.target.mcp === true) await mcp.serve(attaching);
        else await attach.serve(attaching, admission.check);
      } catch (error) {
        if (!(error instanceof Ended)) throw error;
        response.end();
      }
      return response.statusCode;
    });
  }

  /** Nobody has shown a token yet, and nothing is told but what any path of that kind takes. */
  #preflight(request: IncomingMessage, response: ServerResponse): void {
    let refusal: Refusal | undefined;
    try {
      answerPreflight(response, crossOriginTermsOf(request.url));
    } catch (error) {
      refusal = refusalOf(error);
      answerRefusal(response, refusal);
    }
    this.#options.ended('preflight', response.statusCode, refusal);
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
      if (this.#listener.draining) visit.controller.abort(new Ended());
    };
    const { controller, span } = visit;
    const giveUp = (reason: unknown) => controller.abort(reason);
    return { target, request, signal: controller.signal, giveUp, streams, span, ...more };
  }

  /** From the first look at a request until it is accounted for. `serve` answers with the status that was sent. */
  async #visit(
    request: IncomingMessage,
    upgrade: boolean,
    refuse: (refusal: Refusal) => void,
    serve: (admission: Admission, visit: Visit) => Promise<number>,
  ): Promise<void> {
    const { door, clock, log, ended, tracing } = this.#options;
    const since = clock.monotonic();
    const span = tracing.serve(request);
    const visit: Visit = { controller: new AbortController(), streams: false, span };
    const seen = (what: Pick<Visit, 'target' | 'identity'>) => {
      Object.assign(visit, what);
      if (what.target !== undefined) nameAfter(what.target, request.method ?? '', span);
    };
    const leave = this.#listener.enter(visit);
    let outcome = 'answered';
    let status: number = clientLeftStatus;
    let refusal: Refusal | undefined;
    try {
      const admission = await door.admit(request, upgrade, seen, span);
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
      leave();
      span.set({ 'http.response.status_code': status });
      if (outcome !== 'answered') span.fail(outcome);
      span.end();
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

function nameAfter({ workspace, to, route }: Target, method: string, span: Span): void {
  span.rename(to.kind === 'agent' ? route : `${method} ${route}`);
  span.set({ 'dormouse.workspace': workspace.name, 'k8s.namespace.name': workspace.namespace });
}
