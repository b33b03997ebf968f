import { readFile } from 'node:fs/promises';
import { HttpKubeClient, loadCredentials, systemClock } from '@dormouse/operator/kube';
import { runProgram } from '@dormouse/operator/program';
import { batchedOutput, createLogger, hangingIn, serveHealth } from '@dormouse/operator/telemetry';
import { assemble } from './assemble.ts';
import { type Config, readConfig, usage } from './config.ts';
import { Metrics } from './telemetry/metrics.ts';
import { openTracing } from './telemetry/tracing.ts';

async function open(config: Config, signal: AbortSignal): Promise<void> {
  const clock = systemClock;
  const log = createLogger(config['log-level'], batchedOutput(), 'gateway');
  const metrics = new Metrics();
  const masterKey = await readFile(config['master-key-file']);
  const credentials = await loadCredentials(
    config.kubeconfig === undefined ? {} : { kubeconfig: config.kubeconfig },
  );
  const kube = new HttpKubeClient({
    credentials,
    observer: metrics,
    clock,
    userAgent: 'dormouse-gateway',
    fieldManager: 'dormouse-gateway',
  });
  const identity = process.env.POD_NAME ?? process.env.HOSTNAME ?? 'gateway';
  const tracing = await openTracing({
    endpoint: config['trace-endpoint'],
    ratio: config['trace-ratio'],
    ...{ identity, clock, log },
  });
  const { gateway, model, egress, archive, events, attachments, informers } = assemble({
    ...{ config, kube, masterKey, clock, log, metrics, tracing, identity },
  });
  const health = await serveHealth(config['health-port'], {
    metrics,
    unready: () => {
      if (gateway.draining) return 'the gateway is being stopped';
      return informers.every((each) => each.hasSynced) ? undefined : 'the caches are being filled';
    },
    hanging: () => hangingIn(informers, undefined),
  });
  for (const each of informers) each.start();
  try {
    const ports = {
      port: await gateway.listen(config.port),
      modelPort: await model.gateway.listen(config['model-port']),
      egressPort: await egress.listen(config['egress-port']),
      archivePort: await archive.listen(config['archive-port']),
    };
    model.oldAccounts.start();
    log.info({ server: credentials.server, ...ports, health: health.port }, 'gateway is open');
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.all(
      [gateway, model.gateway, egress, archive].map((each) => each.drain(config['drain-timeout'])),
    );
  } finally {
    model.oldAccounts.stop();
    model.reports.close();
    attachments.close();
    await events.flush();
    await tracing.close();
    await Promise.all(informers.map((each) => each.stop()));
    await health.close();
    await kube.close();
    log.info('gateway ends');
  }
}

void runProgram({ name: 'dormouse gateway', read: readConfig, usage, run: open });
