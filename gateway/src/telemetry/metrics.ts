import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Everything that Prometheus reads from the gateway. Names are part of the interface. */
export class Metrics {
  readonly registry = new Registry();

  readonly holdDuration = new Histogram({
    name: 'dormouse_gateway_hold_seconds',
    help: 'How long requests were held for a workspace that did not run, by outcome: running, refused, gone.',
    labelNames: ['outcome'] as const,
    buckets: [0.25, 0.5, 1, 1.5, 2, 3, 5, 8, 13, 30, 60, 120],
    registers: [this.registry],
  });
  readonly bytes = new Counter({
    name: 'dormouse_gateway_proxied_bytes_total',
    help: 'Bytes of bodies: in, from clients to workspaces, and out.',
    labelNames: ['direction'] as const,
    registers: [this.registry],
  });
  readonly requests = new Counter({
    name: 'dormouse_gateway_requests_total',
    help: 'Requests by route and HTTP status; 101 is a WebSocket, 499 a client that left.',
    labelNames: ['route', 'code'] as const,
    registers: [this.registry],
  });
  readonly refusals = new Counter({
    name: 'dormouse_gateway_refusals_total',
    help: 'Requests that the gateway itself refused, by reason.',
    labelNames: ['reason'] as const,
    registers: [this.registry],
  });
  readonly egress = new Counter({
    name: 'dormouse_gateway_egress_requests_total',
    help: 'What workspaces asked to connect to, by outcome: allowed, left (the client did), or why it was refused.',
    labelNames: ['outcome'] as const,
    registers: [this.registry],
  });
  readonly egressBytes = new Counter({
    name: 'dormouse_gateway_egress_bytes_total',
    help: 'Bytes of bodies and tunnels: out, from workspaces, and in.',
    labelNames: ['direction'] as const,
    registers: [this.registry],
  });
  readonly archiveRequests = new Counter({
    name: 'dormouse_gateway_archive_requests_total',
    help: 'Requests of pods that archive or restore, by outcome: answered, left (the pod did), or why it was refused.',
    labelNames: ['outcome'] as const,
    registers: [this.registry],
  });
  readonly eventsDropped = new Counter({
    name: 'dormouse_gateway_events_dropped_total',
    help: 'Events that could not be written.',
    registers: [this.registry],
  });
  readonly apiRequests = new Counter({
    name: 'dormouse_gateway_api_requests_total',
    help: 'Answers of the API server, by verb, resource and HTTP status (error: no answer).',
    labelNames: ['verb', 'resource', 'code'] as const,
    registers: [this.registry],
  });
  readonly watchRestarts = new Counter({
    name: 'dormouse_gateway_watch_restarts_total',
    help: 'Watches that had to be opened again, by resource and reason.',
    labelNames: ['resource', 'reason'] as const,
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  /** `dormouse_gateway_{held_requests,open_requests,egress_open}`, read when Prometheus asks. */
  watch(gateway: { readonly held: number; readonly open: number; readonly egress: number }): void {
    new Gauge({
      name: 'dormouse_gateway_held_requests',
      help: 'Requests that wait for their workspace.',
      registers: [this.registry],
      collect() {
        this.set(gateway.held);
      },
    });
    new Gauge({
      name: 'dormouse_gateway_open_requests',
      help: 'Requests, streams and WebSockets under way.',
      registers: [this.registry],
      collect() {
        this.set(gateway.open);
      },
    });
    new Gauge({
      name: 'dormouse_gateway_egress_open',
      help: 'Connections of workspaces to the outside that are open or being opened.',
      registers: [this.registry],
      collect() {
        this.set(gateway.egress);
      },
    });
  }

  observeRequest({ verb, resource, code }: { verb: string; resource: string; code: string }): void {
    this.apiRequests.inc({ verb, resource, code });
  }

  watchRestarted(resource: string, reason: string): void {
    this.watchRestarts.inc({ resource, reason });
  }

  /** A listener of the gateway only wakes those who wait; the informer logs what it threw. */
  listenerFailed(resource: string): void {
    this.watchRestarts.inc({ resource, reason: 'listener' });
  }
}
