import { readFile } from 'node:fs/promises';
import { type Config, readConfig, usage } from './config.ts';
import { LeaseCandidate } from './election/index.ts';
import { ConfigError } from './flags.ts';
import { createInformers } from './informers.ts';
import { HttpKubeClient, type KubeClient, loadCredentials, resources, systemClock } from './kube/index.ts';
import { runProgram } from './program.ts';
import type { WorkQueue } from './queue/index.ts';
import { directTransport, proxyTransport } from './runtime/index.ts';
import { createLogger, EventRecorder, hangingIn, Metrics, serveHealth } from './telemetry/index.ts';
import { countPhases } from './workspace/controller.ts';
import { lead } from './workspace/lead.ts';

/** The key that the agents' keys are derived from: a mounted file, or the Secret itself. */
async function readMasterKey(config: Config, kube: KubeClient): Promise<Uint8Array> {
  if (config.masterKeyFile !== undefined) return readFile(config.masterKeyFile);
  const name = { namespace: config.namespace, name: config.masterKeySecret };
  const data = (await kube.get(resources.secrets, name)).data as Record<string, string> | undefined;
  if (data?.key === undefined)
    throw new ConfigError(
      `Secret ${config.masterKeySecret} in namespace ${config.namespace} has no entry "key".`,
    );
  return Buffer.from(data.key, 'base64');
}

async function operate(config: Config, signal: AbortSignal): Promise<void> {
  const clock = systemClock;
  const log = createLogger(config.logLevel);
  const metrics = new Metrics();
  const credentials = await loadCredentials(
    config.kubeconfig === undefined ? {} : { kubeconfig: config.kubeconfig },
  );
  const kube = new HttpKubeClient({ credentials, observer: metrics, clock });
  const masterKey = await readMasterKey(config, kube);
  const informers = createInformers({ client: kube, log, observer: metrics, clock });
  const all = Object.values(informers);
  // Each term has a queue of its own; health and metrics are those of the one that works.
  let queue: WorkQueue | undefined;
  const health = await serveHealth(config.port, {
    metrics,
    unready: () => (all.every((each) => each.hasSynced) ? undefined : 'the caches are being filled'),
    hanging: () => hangingIn(all, queue),
  });
  log.info({ server: credentials.server, namespace: config.namespace, port: health.port }, 'operator starts');

  countPhases(informers.workspaces, (phase, count) => metrics.workspaces.set({ phase }, count));
  metrics.watchQueue({
    get depth() {
      return queue?.depth ?? 0;
    },
    get oldestAge() {
      return queue?.oldestAge ?? 0;
    },
  });
  const recorder = new EventRecorder({
    kube,
    clock,
    log,
    dropped: metrics.eventsDropped,
    identity: config.identity,
  });
  const histograms = {
    wake: metrics.wakeDuration,
    sleep: metrics.sleepDuration,
    checkpoint: metrics.checkpointDuration,
  };
  const candidate = new LeaseCandidate(
    {
      lease: { namespace: config.namespace, name: config.leaseName },
      identity: config.identity,
      lead: async (term) => {
        metrics.leader.set(1);
        try {
          await lead(
            {
              kube,
              informers,
              transport: config.reachAgents === 'direct' ? directTransport() : proxyTransport(kube),
              masterKey,
              release: { namespace: config.namespace, operatorOutside: config.reachAgents === 'proxy' },
              settings: {
                accessMode: config.accessMode,
                checkpointTimeout: config.checkpointTimeout,
                gatewayHost: config.gatewayHost,
              },
              concurrency: config.concurrency,
              clock,
              log,
              record: (object, note) => recorder.record(object, note),
              measure: (what, seconds) => histograms[what].observe(seconds),
              observer: metrics,
              watchQueue: (current) => {
                queue = current;
              },
            },
            term,
          );
        } finally {
          metrics.leader.set(0);
          queue = undefined;
        }
      },
    },
    { kube, clock, log },
  );

  for (const each of all) each.start();
  const stopped = new Promise<'stopped'>((resolve) => {
    if (signal.aborted) resolve('stopped');
    else signal.addEventListener('abort', () => resolve('stopped'), { once: true });
  });
  const synced = Promise.all(all.map((each) => each.synced));
  try {
    // Rejects when an informer is stopped before: only where we stop, below.
    const outcome = await Promise.race([
      synced.then(
        () => 'synced' as const,
        () => 'stopped' as const,
      ),
      stopped,
    ]);
    if (outcome === 'synced') {
      log.info(
        // Seconds since the process began: what a restart costs until this replica can act.
        { workspaces: informers.workspaces.size, seconds: process.uptime() },
        'caches are filled',
      );
      await candidate.run(signal);
    }
  } finally {
    // Also after a failure: a process that only watches would look alive.
    await recorder.flush();
    await Promise.all(all.map((each) => each.stop()));
    await health.close();
    await kube.close();
    log.info('operator ends');
  }
}

void runProgram({ name: 'dormouse operator', read: readConfig, usage, run: operate });
