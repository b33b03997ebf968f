/**
 * A thousand workspaces created at once. No node takes their pods, so what is measured is the operator and the API server,
 * not the kubelet. Beside it a bare loop makes the same objects (workspace, Secret, claim, pod) with no operator running.
 */
import { workspaceLabel } from '@dormouse/crds';
import { classLikeDefault } from '../support/classes.ts';
import type { Cluster, KubernetesObject } from '../support/cluster.ts';
import { reference } from '../support/cluster.ts';
import { eachOf } from '../support/each-of.ts';
import { leader, replicas, scale } from '../support/operator.ts';
import { type Pod, Workspaces } from '../support/workspaces.ts';
import { settled, usage } from './operator-process.ts';
import { type Aim, rounded, summary } from './statistics.ts';

/** Requests at the same time, of both loops. */
const width = 16;

/** Latencies in milliseconds from the request for a workspace to its pod being seen. */
export async function burst(cluster: Cluster, count: number) {
  const running = await replicas(cluster);
  const names = Array.from({ length: count }, (_, index) => `w${String(index).padStart(5, '0')}`);
  await using unschedulable = await classLikeDefault(cluster, 'bench-nowhere', (spec) => {
    spec.nodeSelector = { 'dormouse.dev/bench': 'no-such-node' };
  });
  await using ours = await cluster.namespace('bench-burst');
  await using theirs = await cluster.namespace('bench-bare');
  const spec = { classRef: { name: unschedulable.name } };

  const workspaces = new Workspaces(cluster, ours.name);
  await workspaces.create('template', spec);
  const template = await cluster.waitFor<Pod>(workspaces.pod('template'), 'made', (pod) => pod !== undefined);
  if (template === undefined) throw new Error('no pod');

  const lead = await leader(cluster);
  await settled(cluster, lead);
  const before = await usage(cluster, lead);
  const withOperator = await untilPods(cluster, ours.name, names, (name) => workspaces.create(name, spec));
  await settled(cluster, lead);
  const after = await usage(cluster, lead);

  await scale(cluster, 0);
  let bare: Run;
  let bareCpuMs: number;
  try {
    const loop = new Workspaces(cluster, theirs.name);
    const cpu = process.cpuUsage();
    bare = await untilPods(cluster, theirs.name, names, async (name) => {
      await loop.create(name, spec);
      await cluster.create(secretLike(name, theirs.name));
      await cluster.create(claimLike(name, theirs.name));
      await cluster.create(podLike(template, name, theirs.name));
    });
    const used = process.cpuUsage(cpu);
    bareCpuMs = (used.user + used.system) / 1000 / count;
    // What no operator ever saw has no finalizer and goes with its namespace; ours would first make a thousand more.
    await cluster.delete(reference('v1', 'Namespace', theirs.name));
    await cluster.waitUntilGone(reference('v1', 'Namespace', theirs.name), 300_000);
  } finally {
    await scale(cluster, running);
  }
  const cpuMs = ((after.cpuSeconds - before.cpuSeconds) * 1000) / count;
  return {
    workspaces: count,
    operator: {
      milliseconds: summary(withOperator.latencies),
      podsPerSecond: rounded(withOperator.rate),
      cpuMillisecondsPerWorkspace: rounded(cpuMs),
      residentMiB: Math.round(after.residentBytes / 2 ** 20),
    },
    bareLoop: {
      milliseconds: summary(bare.latencies),
      podsPerSecond: rounded(bare.rate),
      cpuMillisecondsPerWorkspace: rounded(bareCpuMs),
    },
    aims: {
      'rate / bare loop': { figure: withOperator.rate / bare.rate, least: 0.8 },
      'operator CPU ms per workspace': { figure: cpuMs, most: 3 },
    } satisfies Record<string, Aim>,
  };
}

interface Run {
  latencies: number[];
  /** Pods per second, from the first request to the last pod. */
  rate: number;
}

/** Makes everything, `width` at a time, and follows the pods until there is one for every name. */
async function untilPods(
  cluster: Cluster,
  namespace: string,
  names: string[],
  make: (name: string) => Promise<unknown>,
): Promise<Run> {
  const begun = new Map<string, number>();
  const latencies: number[] = [];
  const end = new AbortController();
  const waiting = new Set(names);
  const watching = (async () => {
    for await (const { type, object } of cluster.watch('v1', 'Pod', { namespace, signal: end.signal })) {
      const { name } = object.metadata;
      if (type !== 'ADDED' || !waiting.delete(name)) continue;
      latencies.push(performance.now() - (begun.get(name) ?? 0));
      if (waiting.size === 0) return;
    }
    throw new Error(`the watch ended while ${waiting.size} pods were missing`);
  })();
  const first = performance.now();
  const making = eachOf(names, width, async (name) => {
    begun.set(name, performance.now());
    await make(name);
  });
  const limit = setTimeout(() => end.abort(), 300_000);
  try {
    await Promise.all([making, watching]);
  } finally {
    clearTimeout(limit);
    end.abort();
  }
  return { latencies, rate: (names.length * 1000) / (performance.now() - first) };
}

function labelled(kind: string, name: string, objectName: string, namespace: string) {
  const { apiVersion: version, metadata } = reference('v1', kind, objectName, namespace);
  return { apiVersion: version, kind, metadata: { ...metadata, labels: { [workspaceLabel]: name } } };
}

function secretLike(name: string, namespace: string): KubernetesObject {
  const data = { 'config.json': btoa('x'.repeat(700)), key: btoa('x'.repeat(64)) };
  return { ...labelled('Secret', name, `${name}-runtime`, namespace), data } as KubernetesObject;
}

function claimLike(name: string, namespace: string): KubernetesObject {
  const spec = { accessModes: ['ReadWriteOncePod'], resources: { requests: { storage: '2Gi' } } };
  return { ...labelled('PersistentVolumeClaim', name, name, namespace), spec } as KubernetesObject;
}

/** The pod that the operator made for another workspace, under another name. */
function podLike(template: Pod, name: string, namespace: string): KubernetesObject {
  const text = JSON.stringify(template.spec).replaceAll('"template', `"${name}`);
  const { annotations } = template.metadata;
  const { metadata, ...rest } = labelled('Pod', name, name, namespace);
  return {
    ...rest,
    metadata: { ...metadata, ...(annotations === undefined ? {} : { annotations }) },
    spec: JSON.parse(text),
  } as KubernetesObject;
}
