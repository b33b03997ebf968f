import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { projectWhole, WatchInformer } from '../../operator/src/cache/index.ts';
import {
  HttpKubeClient,
  type KubeClient,
  type KubeObject,
  loadCredentials,
  type Resource,
} from '../../operator/src/kube/index.ts';
import { createLogger } from '../../operator/src/telemetry/index.ts';
import { type Cluster, connect, type KubernetesObject } from '../support/cluster.ts';

type Widget = KubeObject & { size: string };

const log = createLogger('silent');
let cluster: Cluster;
let namespace: AsyncDisposable & { name: string };
let client: HttpKubeClient;
let watches: { anew: boolean }[];
let restarts: string[];
let informer: WatchInformer<Widget, Widget>;
let widgets: Resource<Widget>;
let definition: KubernetesObject;
let changes: string[];
/** Breaks the watch that is open; the next one waits for the returned function, and goes on at `resourceVersion`. */
let interrupt: (resourceVersion?: string) => () => void;

/** The real client, but for watches that the test can break. */
function interruptible(real: KubeClient): KubeClient {
  let cut = new AbortController();
  let resume = Promise.resolve();
  let startAt: string | undefined;
  interrupt = (resourceVersion) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    resume = promise;
    startAt = resourceVersion;
    cut.abort(new Error('the watch was cut'));
    cut = new AbortController();
    return resolve;
  };
  return new Proxy(real, {
    get(target, name) {
      if (name !== 'watch') return Reflect.get(target, name).bind(target);
      const watch: KubeClient['watch'] = async (of, options, onEvent) => {
        await resume;
        const given = { ...options, signal: AbortSignal.any([options.signal, cut.signal]) };
        if (startAt !== undefined && given.resourceVersion !== undefined) given.resourceVersion = startAt;
        startAt = undefined;
        watches.push({ anew: given.sendInitialEvents === true });
        await target.watch(of, given, onEvent);
      };
      return watch;
    },
  });
}

function widget(name: string, size = '1') {
  return { metadata: { namespace: namespace.name, name }, size };
}

/**
 * A kind of its own: the API server remembers its changes from its definition on, so that version 1, older than that, is
 * too old. Of built-in kinds a young server remembers everything.
 */
function definitionOf({
  group,
  plural,
  kind,
  version: name,
}: Resource<Widget>): KubernetesObject & { spec: object } {
  const schema = {
    openAPIV3Schema: { type: 'object' as const, properties: { size: { type: 'string' as const } } },
  };
  const spec = {
    group,
    names: { plural, kind },
    scope: 'Namespaced',
    versions: [{ name, served: true, storage: true, schema }],
  };
  const metadata = { name: `${plural}.${group}` };
  return { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata, spec };
}

async function told(...expected: string[]): Promise<void> {
  await expect.poll(() => changes, { timeout: 10_000, interval: 20 }).toEqual(expected);
}

beforeAll(async () => {
  cluster = connect();
  namespace = await cluster.namespace('operator-cache');
  const group = `${namespace.name}.dormouse.dev`;
  widgets = { group, version: 'v1', plural: 'widgets', kind: 'Widget', namespaced: true };
  definition = definitionOf(widgets);
  await cluster.create(definition);
  client = new HttpKubeClient({ credentials: await loadCredentials() });
  await vi.waitFor(() => client.list(widgets, { namespace: namespace.name }), {
    timeout: 20_000,
    interval: 100,
  });
});

afterAll(async () => {
  await client?.close();
  if (definition !== undefined) await cluster.delete(definition);
  await namespace?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

beforeEach(async () => {
  watches = [];
  restarts = [];
  changes = [];
  const existing = await client.list(widgets, { namespace: namespace.name });
  for (const { metadata } of existing.items) await client.delete(widgets, metadata);
  for (const name of ['ada', 'bob']) await client.create(widgets, widget(name));
  informer = new WatchInformer(
    { resource: widgets, namespace: namespace.name, project: projectWhole },
    {
      client: interruptible(client),
      log,
      observer: {
        watchRestarted: (_resource, reason) => restarts.push(reason),
        listenerFailed: (resource) => restarts.push(`listener of ${resource} failed`),
      },
    },
  );
  informer.subscribe(({ type, object, initial }) => {
    changes.push(`${initial ? 'initially ' : ''}${type} ${object.metadata.name}`);
  });
  informer.start();
  await informer.synced;
  changes.sort();
});

afterEach(() => informer?.stop());

describe('the informer at a real API server', () => {
  const atFirst = ['initially added ada', 'initially added bob'];

  it('has everything by one stream, and then every change', async () => {
    await told(...atFirst);
    expect(watches).toEqual([{ anew: true }]);
    await client.create(widgets, widget('eve'));
    await client.patch(widgets, widget('ada').metadata, widget('ada', '2'));
    await client.delete(widgets, widget('bob').metadata);
    await told(...atFirst, 'added eve', 'modified ada', 'deleted bob');
    const names = informer.list().map(({ metadata }) => metadata.name);
    expect(names.sort()).toEqual(['ada', 'eve']);
    expect(informer.get(widget('ada').metadata)?.size).toBe('2');
    expect(watches).toHaveLength(1);
  });

  it('goes on where a lost stream ended, without a listing', async () => {
    const resume = interrupt();
    await client.create(widgets, widget('eve'));
    await client.delete(widgets, widget('bob').metadata);
    resume();
    await told(...atFirst, 'added eve', 'deleted bob');
    expect(watches).toEqual([{ anew: true }, { anew: false }]);
  });

  it('lists anew where its version is too old, and tells what went and what came meanwhile', async () => {
    const resume = interrupt('1');
    await client.create(widgets, widget('eve'));
    await client.delete(widgets, widget('bob').metadata);
    await client.delete(widgets, widget('ada').metadata);
    await client.create(widgets, widget('ada', 'of another uid'));
    resume();
    await expect.poll(() => watches, { timeout: 10_000 }).toHaveLength(3);
    await expect.poll(() => changes.length, { timeout: 10_000 }).toBe(6);
    expect(restarts).toEqual(['error', 'expired']);
    expect(watches[2]).toEqual({ anew: true });
    expect(changes.slice(2).sort()).toEqual(['added ada', 'added eve', 'deleted ada', 'deleted bob']);
    expect(changes.indexOf('deleted ada')).toBeLessThan(changes.indexOf('added ada'));
    await client.delete(widgets, widget('eve').metadata);
    await expect.poll(() => changes.at(-1), { timeout: 10_000 }).toBe('deleted eve');
  });
});
