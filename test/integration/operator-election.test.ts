import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LeaseCandidate } from '../../operator/src/election/index.ts';
import { HttpKubeClient, loadCredentials, resources, systemClock } from '../../operator/src/kube/index.ts';
import { createLogger } from '../../operator/src/telemetry/index.ts';
import { type Cluster, connect } from '../support/cluster.ts';

const log = createLogger('silent');
let cluster: Cluster;
let namespace: AsyncDisposable & { name: string };
let client: HttpKubeClient;
const candidates: Candidate[] = [];

/** Who leads now; two names would be two leaders. */
const leading = new Set<string>();

interface Candidate {
  identity: string;
  stop: () => Promise<void>;
  /** As a node that vanishes: nothing of it reaches the server any more, and it does no work. */
  vanish: () => void;
}

function candidate(name: string): Candidate {
  const stopping = new AbortController();
  let isGone = false;
  const silence = () => new Promise<never>(() => undefined);
  const made = new LeaseCandidate(
    {
      lease: { namespace: namespace.name, name: 'dormouse-operator' },
      identity: name,
      lead: async (term) => {
        leading.add(name);
        expect([...leading]).toEqual([name]);
        await new Promise<void>((resolve) => term.addEventListener('abort', () => resolve(), { once: true }));
        leading.delete(name);
      },
    },
    {
      kube: {
        get: (...given) => (isGone ? silence() : client.get(...given)),
        create: (...given) => (isGone ? silence() : client.create(...given)),
        replace: (...given) => (isGone ? silence() : client.replace(...given)),
      },
      clock: systemClock,
      log,
    },
  );
  const running = made.run(stopping.signal);
  return {
    identity: made.identity,
    stop: async () => {
      stopping.abort();
      if (!isGone) await running;
    },
    vanish: () => {
      isGone = true;
      leading.delete(name);
    },
  };
}

function start(name: string): Candidate {
  const started = candidate(name);
  candidates.push(started);
  return started;
}

async function waitForLeader(name: string, timeout = 5_000): Promise<number> {
  const begun = performance.now();
  await expect.poll(() => [...leading], { timeout, interval: 20 }).toEqual([name]);
  return performance.now() - begun;
}

async function holder(): Promise<string | undefined> {
  const lease = await client.get(resources.leases, { namespace: namespace.name, name: 'dormouse-operator' });
  return lease.spec?.holderIdentity;
}

beforeAll(async () => {
  cluster = connect();
  namespace = await cluster.namespace('operator-election');
  client = new HttpKubeClient({ credentials: await loadCredentials() });
});

afterAll(async () => {
  await client?.close();
  await namespace?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

afterEach(async () => {
  for (const each of candidates.splice(0)) await each.stop();
  leading.clear();
});

describe('two candidates at a real API server', () => {
  it('hand over in a moment when the leader is shut down', async () => {
    const first = start('operator-a');
    await waitForLeader('operator-a');
    expect(await holder()).toBe(first.identity);
    const second = start('operator-b');
    await first.stop();
    expect(await waitForLeader('operator-b')).toBeLessThan(1_500);
    expect(await holder()).toBe(second.identity);
  });

  it('fail over within five seconds when the leader vanishes', async () => {
    const first = start('operator-a');
    await waitForLeader('operator-a');
    const second = start('operator-b');
    // Renewed at least once more while the second one looks on.
    const { metadata } = await client.get(resources.leases, {
      namespace: namespace.name,
      name: 'dormouse-operator',
    });
    await expect
      .poll(async () => (await client.get(resources.leases, metadata)).metadata.resourceVersion)
      .not.toBe(metadata.resourceVersion);
    first.vanish();
    expect(await waitForLeader('operator-b', 6_000)).toBeLessThan(5_000);
    expect(await holder()).toBe(second.identity);
  });
});
