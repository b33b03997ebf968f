import type { IncomingMessage, ServerResponse } from 'node:http';
import { reasonHeader } from '@dormouse/agent-runtime/protocol';
import { type Clock, delay, ForbiddenError, KubeError, keyOf } from '@dormouse/operator/kube';
import type { Logger } from '@dormouse/operator/telemetry';
import { abortWhenLeft, ClientLeft, clientLeftStatus } from '../http/client-left.ts';
import { Listener } from '../http/listener.ts';
import { Refusal, refusalOf } from '../http/refusal.ts';
import type { Span, Tracing } from '../telemetry/tracing.ts';
import type { ModelAdmission, ModelDoor } from './model-door.ts';
import { answerModelError } from './model-error.ts';
import type { CallReport, ModelProxy } from './model-proxy.ts';
import type { CredentialUse } from './telemetry/credential-use.ts';

export interface ModelGatewayOptions {
  door: Pick<ModelDoor, 'admit'>;
  proxy: Pick<ModelProxy, 'serve'>;
  /** What else workspaces come here for. */
  besides: readonly Besides[];
  /** Resolves when nothing is to be written any more. */
  written: () => Promise<void>;
  tracing: Pick<Tracing, 'serve'>;
  clock: Clock;
  log: Logger;
  audit: (use: CredentialUse) => void;
  /** Told of each call that ended. */
  ended: (use: CredentialUse, refusal: Refusal | undefined) => void;
  /** Milliseconds for the headers of a request, and for the whole of it. */
  timeouts: { headers: number; request: number };
}

/** Something that is served on this port and is no call of the model. It answers each request that it handles. */
export interface Besides {
  handles(url: string | undefined): boolean;
  serve(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void>;
}

/** Milliseconds in which what was given up gets its answer, and what was counted is written. */
const lastWords = 2_000;

/** A call under way. */
interface Visit {
  controller: AbortController;
  seen: Partial<ModelAdmission>;
  report: CallReport;
}

/** The HTTP server for workspaces: for calls of the model, and what else they ask the gateway for. */
export class ModelGateway {
  readonly #options: ModelGatewayOptions;
  readonly #listener: Listener<Visit>;

  constructor(options: ModelGatewayOptions) {
    this.#options = options;
    const { clock, timeouts } = options;
    this.#listener = new Listener({
      ...{ clock, timeouts },
      request: (request, response) => void this.#route(request, response),
    });
  }

  /** Calls under way. */
  get open(): number {
    return this.#listener.underway.size;
  }

  /** The port that it listens on; 0 takes any. Rejects where it cannot. */
  listen(port: number): Promise<number> {
    return this.#listener.listen(port);
  }

  /** Takes no new connections and gives calls `grace` milliseconds; then ends them. Resolves when what they came to is written. */
  async drain(grace: number): Promise<void> {
    const { clock, written } = this.#options;
    await this.#listener.drain(grace, {
      reason: () =>
        new Refusal('unavailable', 'The gateway is being restarted. Send it again.', { 'retry-after': '1' }),
      lastWords,
    });
    // What is not written is charged as it was reserved.
    const enough = new AbortController();
    await Promise.race([written(), delay(clock, lastWords, enough.signal)]);
    enough.abort();
  }

  #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const other = this.#options.besides.find((each) => each.handles(request.url));
    return other === undefined ? this.#visit(request, response) : this.#leaveTo(other, request, response);
  }

  async #leaveTo(other: Besides, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const controller = new AbortController();
    const leave = this.#listener.enter({ controller, seen: {}, report: { asked: 0 } });
    abortWhenLeft(response, controller);
    try {
      await other.serve(request, response, controller.signal);
    } finally {
      leave();
    }
  }

  /** From the first look at a request until it is accounted for. */
  async #visit(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { door, proxy, clock, log, tracing } = this.#options;
    const since = clock.monotonic();
    const visit: Visit = { controller: new AbortController(), seen: {}, report: { asked: 0 } };
    const leave = this.#listener.enter(visit);
    abortWhenLeft(response, visit.controller);
    const { signal } = visit.controller;
    const span = tracing.serve(request);
    const seen = (what: Visit['seen']) => {
      Object.assign(visit.seen, what);
      nameAfter(what, span);
    };
    let outcome = 'answered';
    let refusal: Refusal | undefined;
    try {
      const admission = await door.admit(request, seen);
      try {
        await proxy.serve(admission, { request, response, signal, report: visit.report, span });
      } finally {
        admission.leave();
      }
    } catch (error) {
      // A body that broke off is a client that left, whatever it looks like to who reads it.
      if (signal.aborted && signal.reason instanceof ClientLeft) outcome = 'left';
      else {
        refusal = refusalOfModel(error);
        if (refusal.code === 'internal') log.error({ err: error }, 'model call failed');
        outcome = refusal.headers[reasonHeader] ?? refusal.code;
        answerModelError(response, refusal);
      }
    } finally {
      leave();
      const status = outcome === 'left' && !response.headersSent ? clientLeftStatus : response.statusCode;
      span.set({ 'http.response.status_code': status });
      if (outcome !== 'answered') span.fail(outcome);
      span.end();
      this.#account(visit, outcome, status, Math.round(clock.monotonic() - since), refusal);
    }
  }

  #account(
    { seen, report }: Visit,
    outcome: string,
    status: number,
    milliseconds: number,
    refusal: Refusal | undefined,
  ): void {
    const { audit, ended } = this.#options;
    const { workspace } = seen;
    const use: CredentialUse = {
      action: 'model',
      ...(workspace === undefined
        ? {}
        : { workspace: keyOf({ namespace: workspace.namespace, name: workspace.name }) }),
      ...(seen.class === undefined ? {} : { class: seen.class.metadata.name }),
      route: seen.route?.name ?? 'none',
      ...report,
      outcome,
      status,
      milliseconds,
    };
    // Nobody in particular asked: the metrics count those.
    if (workspace !== undefined) audit(use);
    ended(use, refusal);
  }
}

function nameAfter({ route, workspace }: Visit['seen'], span: Span): void {
  if (route !== undefined) span.rename(`${route.method} ${route.name}`);
  if (workspace !== undefined)
    span.set({ 'dormouse.workspace': workspace.name, 'k8s.namespace.name': workspace.namespace });
}

/** What the API server could not answer is no fault of the caller. */
function refusalOfModel(error: unknown): Refusal {
  if (!(error instanceof KubeError) || error instanceof ForbiddenError) return refusalOf(error);
  return new Refusal(
    'unavailable',
    `The API server, which says who asks and keeps what was used, does not take the call now: ${error.message}`,
    { 'retry-after': '2' },
  );
}
