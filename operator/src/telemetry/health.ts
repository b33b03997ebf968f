import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import type { Registry } from 'prom-client';

export interface HealthOptions {
  metrics: { readonly registry: Registry };
  /** Why it is not ready, as a sentence; undefined where it is. A follower with warm caches is: it takes over. */
  unready: () => string | undefined;
  /** What hangs, as a sentence; undefined where nothing does. Only what a restart of the process would mend. */
  hanging: () => string | undefined;
}

/**
 * `/healthz`: the process answers and nothing hangs. `/readyz`: it can do its work. `/metrics`: for Prometheus. A
 * blocked event loop answers nothing, which the kubelet takes for a failure.
 */
export async function serveHealth(
  port: number,
  { metrics, unready, hanging }: HealthOptions,
): Promise<{ port: number; close(): Promise<void> }> {
  const app = express();
  app.disable('x-powered-by');
  app.get('/healthz', (_request, response) => {
    const what = hanging();
    response
      .status(what === undefined ? 200 : 503)
      .type('text/plain')
      .send(`${what ?? 'ok'}\n`);
  });
  app.get('/readyz', (_request, response) => {
    const what = unready();
    response
      .status(what === undefined ? 200 : 503)
      .type('text/plain')
      .send(`${what ?? 'ok'}\n`);
  });
  app.get('/metrics', async (_request, response) => {
    response.type(metrics.registry.contentType).send(await metrics.registry.metrics());
  });
  const server = await new Promise<Server>((resolve, reject) => {
    const listening = app.listen(port, (error?: Error) =>
      error === undefined ? resolve(listening) : reject(error),
    );
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** Milliseconds: five bookmarks of a watch, far more than any reconcile takes with all its timeouts. */
const longestSilence = 300_000;
const longestWork = 300_000;

/** For {@link HealthOptions.hanging}: a watch that neither hears nor tries, or a worker that never ends. */
export function hangingIn(
  informers: readonly { readonly resource: { plural: string }; readonly silence: number }[],
  queue: { readonly longestWork: number } | undefined,
): string | undefined {
  const silent = informers.find((informer) => informer.silence > longestSilence);
  if (silent !== undefined) return `the watch of ${silent.resource.plural} hangs`;
  return queue !== undefined && queue.longestWork > longestWork ? 'a worker hangs' : undefined;
}
