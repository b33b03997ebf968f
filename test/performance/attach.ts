/**
 * From a request to the first byte of its answer, through the gateway of the release: to a workspace that sleeps, beside what
 * the very pod that the request woke took to start, and beside a bare pod (`bare-pod.ts`); and to the same workspace awake,
 * beside the same request to its agent. Both go through `kubectl port-forward`, so that the detour is the same for both: the
 * agent's port is open to the pods of the operator and the gateway alone.
 */
import { agentPort, keyHeaders } from '@dormouse/agent-runtime/protocol';
import type { Cluster, KubernetesObject } from '../support/cluster.ts';
import { reference } from '../support/cluster.ts';
import { GatewayForward, tokenWith } from '../support/gateway.ts';
import { PortForward } from '../support/port-forward.ts';
import { type Pod, Workspaces } from '../support/workspaces.ts';
import { BarePod, isReady, quiet } from './bare-pod.ts';
import { type Aim, percentile, rounded, summary } from './statistics.ts';

/** Requests of each kind to a workspace that is awake, for one that woke it. */
const awakeRequests = 20;

/** Milliseconds for which somebody who asked counts as attached, with what a sleep takes on a busy machine. */
const untilAsleep = 150_000;

/** Milliseconds, `samples` wakes. */
export async function attach(cluster: Cluster, samples: number) {
  await using namespace = await cluster.namespace('bench-attach');
  const workspaces = new Workspaces(cluster, namespace.name);
  await using door = await GatewayForward.open(cluster);
  await workspaces.create('w');
  await workspaces.ask('w', 'say: up');
  const bare = await BarePod.like(workspaces, 'w');
  const key = await keyOf(cluster, namespace.name, 'w');
  await workspaces.asleep('w', untilAsleep);
  // Not counted: binds the bare claim.
  await bare.start();
  await bare.end({ gracePeriodSeconds: 0 });
  await quiet();

  const series = {
    asleep: [] as number[],
    podStart: [] as number[],
    above: [] as number[],
    bareStart: [] as number[],
    awake: [] as number[],
    direct: [] as number[],
  };
  for (let sample = 0; sample < samples; sample += 1) {
    // It lasts for ten minutes, which is less than the samples take.
    const token = await tokenWith(cluster, namespace.name, `user-${sample}`, ['dormouse-user']);
    const ask = () =>
      firstByte(door.url(namespace.name, 'w', 'agent/state'), { authorization: `Bearer ${token}` });
    const start = startOf(cluster, workspaces.pod('w'));
    const [asleep, podStart] = await Promise.all([ask(), start]);
    series.asleep.push(asleep);
    series.podStart.push(podStart);
    series.above.push(asleep - podStart);
    await using agent = await PortForward.open(cluster, namespace.name, 'pod/w', String(agentPort));
    const askAgent = () => firstByte(`${agent.origin}/v1/state`, { [keyHeaders.bearer]: `Bearer ${key}` });
    // The first one of each opens its connection.
    await ask();
    await askAgent();
    for (let request = 0; request < awakeRequests; request += 1) {
      series.awake.push(await ask());
      series.direct.push(await askAgent());
    }
    // In the time for which whoever asked still counts as attached.
    await quiet();
    series.bareStart.push(await bare.start());
    await bare.end({ gracePeriodSeconds: 0 });
    await workspaces.asleep('w', untilAsleep);
    await quiet();
  }
  const fine = (values: number[]) => ({
    count: values.length,
    p50: rounded(percentile(values, 0.5)),
    p99: rounded(percentile(values, 0.99)),
  });
  return {
    milliseconds: {
      asleep: summary(series.asleep),
      podStart: summary(series.podStart),
      aboveItsPodStart: summary(series.above),
      bareStart: summary(series.bareStart),
      awake: fine(series.awake),
      direct: fine(series.direct),
    },
    aims: {
      'first byte, asleep, p50 ms above the start of its pod': {
        figure: percentile(series.above, 0.5),
        most: 100,
      },
      'first byte, awake, p50 ms above direct': {
        figure: percentile(series.awake, 0.5) - percentile(series.direct, 0.5),
        most: 1,
      },
      'first byte, awake, p99 ms above direct': {
        figure: percentile(series.awake, 0.99) - percentile(series.direct, 0.99),
        most: 3,
      },
    } satisfies Record<string, Aim>,
  };
}

/** Milliseconds until the head of the answer; all of it is read, so that its connection is used again. */
async function firstByte(url: string, headers: Record<string, string>): Promise<number> {
  const sent = performance.now();
  const answer = await fetch(url, { headers });
  const took = performance.now() - sent;
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}: ${text}`);
  return took;
}

/** Milliseconds between the moments in which a pod that somebody else makes is seen, and seen ready. */
async function startOf(cluster: Cluster, pod: ReturnType<Workspaces['pod']>): Promise<number> {
  let made: number | undefined;
  await cluster.waitFor<Pod>(
    pod,
    'ready',
    (now) => {
      if (now !== undefined) made ??= performance.now();
      return isReady(now);
    },
    90_000,
  );
  return performance.now() - (made ?? Number.NaN);
}

/** The key of a workspace's agent. */
async function keyOf(cluster: Cluster, namespace: string, workspace: string): Promise<string> {
  type Secret = KubernetesObject & { data: Record<string, string> };
  const secret = await cluster.get<Secret>(reference('v1', 'Secret', `${workspace}-runtime`, namespace));
  const key = secret?.data.key;
  if (key === undefined) throw new Error(`Secret ${namespace}/${workspace}-runtime has no key`);
  return Buffer.from(key, 'base64').toString();
}
