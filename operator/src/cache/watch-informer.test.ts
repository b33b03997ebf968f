import { workspaceLabel } from '@dormouse/crds';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiServer, answer, cut } from '../../../test/support/api-server/index.ts';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { type Clock, HttpKubeClient, type Pod, resources } from '../kube/index.ts';
import type { Change } from './informer.ts';
import { projectWhole } from './project.ts';
import { WatchInformer } from './watch-informer.ts';

const pods = 'api/v1/pods';
const log = pino({ level: 'silent' });

let server: ApiServer;
let client: HttpKubeClient;
let informer: WatchInformer<Pod, Pod>;
let changes: string[];
let restarts: string[];
let failures: number;

beforeEach(async () => {
  server = new ApiServer();
  const url = await server.start();
  client = new HttpKubeClient({
    credentials: { server: url, proof: async () => ({ tls: {}, headers: {} }) },
  });
  changes = [];
  restarts = [];
  failures = 0;
});

afterEach(async () => {
  await informer.stop();
  await client.close();
  await server.close();
});

function put(name: string, node?: string): void {
  server.objects.put(pods, `team/${name}`, {
    metadata: { namespace: 'team', name, labels: { [workspaceLabel]: name.split('-')[0] } },
    ...(node !== undefined && { spec: { nodeName: node, containers: [] } }),
  } as { metadata: { name: string } });
}

function start(
  project: (pod: Pod) => Pod = projectWhole,
  more: { optional?: true; clock?: Clock } = {},
): void {
  informer = new WatchInformer(
    {
      resource: resources.pods,
      labelSelector: workspaceLabel,
      project,
      ...(more.optional && { optional: more.optional }),
      indexes: { node: (pod) => pod.spec?.nodeName },
    },
    {
      client,
      log,
      ...(more.clock && { clock: more.clock }),
      random: () => 0,
      observer: {
        watchRestarted: (resource, reason) => restarts.push(`${resource} ${reason}`),
        listenerFailed: () => failures++,
      },
    },
  );
  informer.subscribe(({ type, object, initial }: Change<Pod>) => {
    changes.push(`${initial ? 'initially ' : ''}${type} ${object.metadata.name}`);
  });
  informer.start();
}

function names(): string[] {
  return informer
    .list()
    .map((pod) => pod.metadata.name)
    .sort();
}

describe('the informer', () => {
  it('streams what exists, then what changes', async () => {
    put('ada');
    put('bob', 'n1');
    start();
    await informer.synced;
    expect(names()).toEqual(['ada', 'bob']);
    put('ada', 'n1');
    put('cyd');
    server.objects.delete(pods, 'team/bob');
    await expect.poll(names).toEqual(['ada', 'cyd']);
    expect(changes).toEqual([
      'initially added ada',
      'initially added bob',
      'modified ada',
      'added cyd',
      'deleted bob',
    ]);
    expect(informer.get({ namespace: 'team', name: 'ada' })?.spec?.nodeName).toBe('n1');
    expect(server.requests).toHaveLength(1);
  });

  it('is complete and empty where the cluster lacks a kind that may be missing, until somebody installs it', async () => {
    put('ada');
    const clock = new FakeClock();
    server.misbehave({ respond: answer(404) });
    start(projectWhole, { optional: true, clock });
    await informer.synced;
    expect(informer.installed).toBe(false);
    expect(names()).toEqual([]);
    await expect.poll(() => clock.pending).toBeGreaterThan(0);
    await clock.advance(30_000);
    await expect.poll(names).toEqual(['ada']);
    expect(informer.installed).toBe(true);
  });

  it('finds objects by workspace and by its own indexes, as they are now', async () => {
    put('ada', 'n1');
    put('ada-debug', 'n1');
    put('bob', 'n2');
    start();
    await informer.synced;
    const found = (pods: Pod[]) => pods.map((pod) => pod.metadata.name).sort();
    expect(found(informer.ofWorkspace({ namespace: 'team', name: 'ada' }))).toEqual(['ada', 'ada-debug']);
    expect(found(informer.by('node', 'n1'))).toEqual(['ada', 'ada-debug']);
    put('ada-debug', 'n2');
    server.objects.delete(pods, 'team/ada');
    await expect.poll(() => found(informer.by('node', 'n2'))).toEqual(['ada-debug', 'bob']);
    expect(informer.by('node', 'n1')).toEqual([]);
    expect(found(informer.ofWorkspace({ namespace: 'team', name: 'ada' }))).toEqual(['ada-debug']);
  });

  it('goes on where it was when the server ends the watch, and misses nothing', async () => {
    put('ada');
    start();
    await informer.synced;
    server.endWatches();
    put('bob');
    await expect.poll(names).toEqual(['ada', 'bob']);
    expect(changes).toEqual(['initially added ada', 'added bob']);
    expect(restarts).toEqual(['pods closed']);
    expect(server.requests.at(-1)?.query.get('resourceVersion')).toMatch(/^\d+$/);
  });

  it('goes on where the last bookmark was', async () => {
    put('ada');
    start();
    await informer.synced;
    for (let n = 0; n < 5; n++)
      server.objects.put('api/v1/secrets', `team/${n}`, { metadata: { name: `${n}` } });
    server.bookmark();
    const version = String(server.objects.version);
    server.endWatches();
    await expect.poll(() => server.requests.at(-1)?.query.get('resourceVersion')).toBe(version);
  });

  it('tells what went away while its version was too old, as an ERROR event says it', async () => {
    for (const name of ['ada', 'bob', 'cyd']) put(name);
    start();
    await informer.synced;
    changes = [];
    server.misbehave({ matches: (request) => request.watch, respond: cut });
    server.endWatches();
    server.objects.delete(pods, 'team/ada');
    put('bob', 'n1');
    put('dee');
    server.objects.compact();
    await expect.poll(names).toEqual(['bob', 'cyd', 'dee']);
    await expect.poll(() => [...changes].sort()).toEqual(['added dee', 'deleted ada', 'modified bob']);
    expect(restarts).toContain('pods expired');
  });

  it('does the same where 410 is the answer itself', async () => {
    put('ada');
    start();
    await informer.synced;
    server.misbehave({ matches: (request) => request.watch, respond: answer(410, 'Expired') });
    server.cutWatches();
    server.objects.delete(pods, 'team/ada');
    await expect.poll(() => changes).toEqual(['initially added ada', 'deleted ada']);
    expect(informer.size).toBe(0);
  });

  it('tells a deletion and an addition when an object was replaced by another of its name', async () => {
    put('ada');
    start();
    await informer.synced;
    server.misbehave({ matches: (request) => request.watch, respond: answer(410, 'Expired') });
    server.endWatches();
    server.objects.delete(pods, 'team/ada');
    put('ada');
    await expect.poll(() => changes).toEqual(['initially added ada', 'deleted ada', 'added ada']);
  });

  it('lists in pages and watches from there where the server knows no WatchList', async () => {
    server.watchList = false;
    for (const name of ['ada', 'bob', 'cyd']) put(name);
    start();
    await informer.synced;
    put('dee');
    await expect.poll(names).toEqual(['ada', 'bob', 'cyd', 'dee']);
    expect(changes.slice(0, 3)).toEqual([
      'initially added ada',
      'initially added bob',
      'initially added cyd',
    ]);
    server.objects.delete(pods, 'team/ada');
    server.objects.compact();
    server.cutWatches();
    await expect.poll(names).toEqual(['bob', 'cyd', 'dee']);
  });

  it('is complete only when the listing was, however often it is cut', async () => {
    put('ada');
    put('bob');
    const half = `${JSON.stringify({ type: 'ADDED', object: server.objects.list(pods)[0] })}\n{"type":"ADD`;
    server.misbehave({ respond: answer(500) });
    server.misbehave({ respond: (response) => response.end(half) });
    server.misbehave({ respond: (response) => response.end(half.slice(0, half.indexOf('\n') + 1)) });
    server.misbehave({ respond: (response) => response.end('garbage\n') });
    start();
    await informer.synced;
    expect(names()).toEqual(['ada', 'bob']);
    expect(changes).toEqual(['initially added ada', 'initially added bob']);
    expect(restarts).toEqual(['pods error', 'pods error', 'pods error', 'pods error']);
  });

  it('outlives garbage and half lines in a running watch', async () => {
    put('ada');
    start();
    await informer.synced;
    server.inject('{"type":"MODIF');
    server.cutWatches();
    put('bob');
    await expect.poll(names).toEqual(['ada', 'bob']);
    server.inject('}}}}\n');
    await expect.poll(() => restarts).toHaveLength(2);
    put('cyd');
    await expect.poll(names).toEqual(['ada', 'bob', 'cyd']);
  });

  it('waits as long as a 429 asks, and no longer', async () => {
    put('ada');
    server.misbehave({ respond: answer(429, 'TooManyRequests', { 'retry-after': '1' }) });
    const started = performance.now();
    start();
    await informer.synced;
    expect(performance.now() - started).toBeGreaterThan(990);
    expect(performance.now() - started).toBeLessThan(3000);
  });

  it('goes on when a listener throws, counts it, and still tells the others', async () => {
    put('ada');
    start();
    informer.subscribe(() => {
      throw new Error('a defect');
    });
    informer.subscribe(async () => {
      throw new Error('a defect that comes later');
    });
    const seen: string[] = [];
    informer.subscribe(({ object }) => seen.push(object.metadata.name));
    await informer.synced;
    put('bob');
    await expect.poll(() => seen).toEqual(['ada', 'bob']);
    await expect.poll(() => failures).toBe(4);
    expect(restarts).toEqual([]);
  });

  it('leaves out an object that cannot be projected, and keeps the others', async () => {
    put('ada');
    put('bob');
    start((pod) => {
      if (pod.metadata.name === 'ada') throw new Error('strange');
      return projectWhole(pod);
    });
    await informer.synced;
    expect(names()).toEqual(['bob']);
    expect(failures).toBe(1);
  });

  it('tells a late listener what is already there', async () => {
    put('ada');
    start();
    await informer.synced;
    const seen: string[] = [];
    const unsubscribe = informer.subscribe(({ type, initial }) => seen.push(`${type} ${initial}`));
    expect(seen).toEqual(['added true']);
    unsubscribe();
    put('bob');
    await expect.poll(names).toEqual(['ada', 'bob']);
    expect(seen).toEqual(['added true']);
  });

  it('stops at once, also before it is complete', async () => {
    server.misbehave({ times: 99, respond: answer(503) });
    start();
    await expect.poll(() => restarts.length).toBeGreaterThan(0);
    await informer.stop();
    await expect(informer.synced).rejects.toThrow('stopped before');
    expect(informer.hasSynced).toBe(false);
  });
});
