import { agentKey, archivePassword, egressProxy, gatewayUrl } from '@dormouse/agent-runtime/protocol';
import { Expectations } from '../cache/index.ts';
import { LeadershipLostError } from '../election/index.ts';
import { type Clock, type KubeClient, type KubeObject, keyOf } from '../kube/index.ts';
import { SerialQueue, type WorkObserver, type WorkQueue } from '../queue/index.ts';
import { AgentConnections, type AgentTransport, readArchiveProgress } from '../runtime/index.ts';
import type { EventNote, Logger } from '../telemetry/index.ts';
import { feed, type Informers } from './controller.ts';
import type { Release } from './network-policy.ts';
import { RateLimit } from './rate-limit.ts';
import { Reconciler } from './reconciler.ts';
import type { Settings } from './snapshot.ts';
import { eventReadsPerSecond, type Surroundings } from './surroundings.ts';

export interface LeadOptions {
  kube: KubeClient;
  informers: Informers;
  transport: AgentTransport;
  masterKey: Uint8Array | string;
  release: Release;
  settings: Settings;
  /** Workspaces worked on at the same time. */
  concurrency: number;
  clock: Clock;
  log: Logger;
  record: (object: KubeObject, note: EventNote) => void;
  measure: Surroundings['measure'];
  observer: WorkObserver;
  /** Told of the queue of this term. */
  watchQueue: (queue: WorkQueue) => void;
}

/** Milliseconds that running work gets at a shutdown; the lease is held meanwhile. */
const grace = 2_000;

/**
 * Acts for all workspaces until `signal` aborts: one term of a leader. The caches are warm when it begins; everything
 * else (the queue, what is remembered, the connections to agents) begins and ends with it.
 */
export async function lead(options: LeadOptions, signal: AbortSignal): Promise<void> {
  const { kube, informers, transport, masterKey, settings, clock, log } = options;
  const expect = {
    pods: new Expectations(informers.pods, { clock }),
    claims: new Expectations(informers.claims, { clock }),
  };
  const now = () => clock.now();
  const connections = new AgentConnections({ transport, clock, log }, (key) => queue.add(key));
  const reconciler = new Reconciler({
    log,
    sources: { now, caches: informers, expected: expect, settings },
    connections,
    surroundings: {
      kube,
      now,
      expect,
      agent: (name) => connections.get(keyOf(name)),
      agentKey: (workspace) => agentKey(masterKey, workspace.metadata),
      egressProxy: (workspace) =>
        egressProxy(gatewayUrl(settings.gatewayHost, 'egress'), masterKey, workspace.metadata),
      archivePassword: (repository) => archivePassword(masterKey, repository),
      archiveProgress: (pod) => readArchiveProgress(transport, pod),
      release: options.release,
      record: options.record,
      measure: options.measure,
      eventReads: new RateLimit(eventReadsPerSecond),
      policies: new Map(),
    },
  });
  const queue: WorkQueue = new SerialQueue({
    worker: (key, stopping, looks) => reconciler.reconcile(key, stopping, looks),
    log,
    concurrency: options.concurrency,
    observer: options.observer,
    clock,
  });
  options.watchQueue(queue);
  const stopFeeding = feed(informers, queue, reconciler, expect);
  queue.start();
  log.info('leading');
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  stopFeeding();
  // The lease runs out one second after it counts as lost: no time to finish what is under way.
  await queue.stop(signal.reason instanceof LeadershipLostError ? 0 : grace);
  await connections.closeAll();
  log.info('no longer leading');
}
