import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { WatchObserver } from '../cache/index.ts';
import type { RequestObserver } from '../kube/index.ts';
import type { WorkObserver } from '../queue/index.ts';

/** Everything that Prometheus reads from the operator. Names are part of the interface. */
export class Metrics implements RequestObserver, WatchObserver, WorkObserver {
  readonly registry = new Registry();

  /** Set as a whole by whoever counts: `workspaces.set({ phase }, n)` for every phase. */
  readonly workspaces = new Gauge({
    name: 'dormouse_workspaces',
    help: 'Workspaces by phase.',
    labelNames: ['phase'] as const,
    registers: [this.registry],
  });
  readonly wakeDuration = new Histogram({
    name: 'dormouse_wake_duration_seconds',
    help: 'From the first reason to wake until the agent answers.',
    buckets: [0.25, 0.5, 1, 1.5, 2, 3, 5, 8, 13, 30, 60, 120],
    registers: [this.registry],
  });
  readonly sleepDuration = new Histogram({
    name: 'dormouse_sleep_duration_seconds',
    help: 'From the decision to sleep until the pod is gone.',
    buckets: [0.25, 0.5, 1, 1.5, 2, 3, 5, 8, 13, 30, 60, 120],
    registers: [this.registry],
  });
  readonly checkpointDuration = new Histogram({
    name: 'dormouse_checkpoint_duration_seconds',
    help: 'From the request for a checkpoint until its manifest is verified.',
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120],
    registers: [this.registry],
  });
  readonly reconcileDuration = new Histogram({
    name: 'dormouse_reconcile_duration_seconds',
    help: 'One look at one workspace, by result: ok, requeued, retried, failed.',
    labelNames: ['result'] as const,
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [this.registry],
  });
  readonly queueWait = new Histogram({
    name: 'dormouse_queue_wait_seconds',
    help: 'How long a workspace waited to be looked at.',
    buckets: [0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [this.registry],
  });
  readonly watchRestarts = new Counter({
    name: 'dormouse_watch_restarts_total',
    help: 'Watches that had to be opened again, by resource and reason.',
    labelNames: ['resource', 'reason'] as const,
    registers: [this.registry],
  });
  readonly listenerFailures = new Counter({
    name: 'dormouse_watch_listener_failures_total',
    help: 'Changes whose handling threw; a defect of the operator.',
    labelNames: ['resource'] as const,
    registers: [this.registry],
  });
  readonly apiRequests = new Counter({
    name: 'dormouse_api_requests_total',
    help: 'Answers of the API server, by verb, resource and HTTP status (error: no answer).',
    labelNames: ['verb', 'resource', 'code'] as const,
    registers: [this.registry],
  });
  readonly leader = new Gauge({
    name: 'dormouse_leader',
    help: '1 while this replica leads.',
    registers: [this.registry],
  });
  readonly eventsDropped = new Counter({
    name: 'dormouse_events_dropped_total',
    help: 'Kubernetes Events that could not be written.',
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    this.leader.set(0);
  }

  /** `dormouse_queue_depth` and `dormouse_queue_oldest_age_seconds`, read when Prometheus asks. */
  watchQueue(queue: { readonly depth: number; readonly oldestAge: number }): void {
    new Gauge({
      name: 'dormouse_queue_depth',
      help: 'Workspaces that wait to be looked at.',
      registers: [this.registry],
      collect() {
        this.set(queue.depth);
      },
    });
    new Gauge({
      name: 'dormouse_queue_oldest_age_seconds',
      help: 'How long the longest waiting workspace has been waiting.',
      registers: [this.registry],
      collect() {
        this.set(queue.oldestAge / 1000);
      },
    });
  }

  observeRequest({ verb, resource, code }: { verb: string; resource: string; code: string }): void {
    this.apiRequests.inc({ verb, resource, code });
  }

  observeWork({ result, seconds, waited }: Parameters<WorkObserver['observeWork']>[0]): void {
    this.reconcileDuration.observe({ result }, seconds);
    this.queueWait.observe(waited);
  }

  watchRestarted(resource: string, reason: string): void {
    this.watchRestarts.inc({ resource, reason });
  }

  listenerFailed(resource: string): void {
    this.listenerFailures.inc({ resource });
  }
}
