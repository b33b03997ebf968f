/**
 * How long a wake and a sleep take, beside what Kubernetes alone takes for the same pod. The bare pod has the images,
 * resources and mounts of the workspace's and a claim of the same kind, already bound as that of a workspace that wakes;
 * its containers only wait, so it is ready as soon as they run, and they end at once when told to. Samples of both take
 * turns, so that what else happens on the machine touches both.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Cluster, KubernetesObject } from '../support/cluster.ts';
import { reference } from '../support/cluster.ts';
import { type Pod, Workspaces } from '../support/workspaces.ts';
import { type Aim, percentile, summary } from './statistics.ts';

const idleAfterMs = 5_000;

/**
 * Between two pods. The object of a pod that was deleted without grace is gone before its containers are: they take 2 s. And the
 * kubelet looks at its containers once a second: what begins right after something that it did would always begin at the same
 * moment of that second, which alone moved the median by 0.5 s. So the moment is left to chance.
 */
const quiet = () => pause(3_000 + Math.random() * 1_000);

interface Template extends KubernetesObject {
  spec: {
    nodeName?: string;
    containers: Record<string, unknown>[];
    volumes: { persistentVolumeClaim?: { claimName: string } }[];
  };
}

/** Milliseconds, `samples` of each; the aims are ratios of medians. */
export async function wakeAndSleep(cluster: Cluster, samples: number) {
  await using namespace = await cluster.namespace('bench-wake');
  const workspaces = new Workspaces(cluster, namespace.name);
  await workspaces.create('w');
  await workspaces.ask('w', 'say: up');
  const template = await cluster.get<Template>(workspaces.pod('w'));
  const claim = await cluster.get<KubernetesObject & { spec: object }>(workspaces.claim('w'));
  if (template === undefined || claim === undefined) throw new Error('the workspace has no pod or no claim');
  await cluster.create(bareClaim(claim, namespace.name));
  await workspaces.asleep('w');

  const series = {
    wake: [] as number[],
    sleep: [] as number[],
    bareStart: [] as number[],
    bareEnd: [] as number[],
    bareKill: [] as number[],
  };
  const bare = async (ends: number[], options: { gracePeriodSeconds?: number }) => {
    const begin = performance.now();
    const pod = await cluster.create(barePod(template, namespace.name));
    await cluster.waitFor<Pod>(pod, 'ready', isReady, 60_000);
    series.bareStart.push(performance.now() - begin);
    const end = performance.now();
    await cluster.delete(pod, options);
    await cluster.waitUntilGone(pod, 60_000);
    ends.push(performance.now() - end);
    await quiet();
  };
  // Not counted: binds the bare claim.
  await bare([], {});
  series.bareStart.length = 0;
  for (let sample = 0; sample < samples; sample += 1) {
    const sent = performance.now();
    const message = await workspaces.send('w', 'say: awake');
    await workspaces.messageIn(message, ['Delivered', 'Working', 'Completed']);
    series.wake.push(performance.now() - sent);
    const { status } = await workspaces.messageIn(message, ['Completed']);
    const deadline = Date.parse(status?.completedAt ?? '') + idleAfterMs;
    await cluster.waitUntilGone(workspaces.pod('w'), 60_000);
    series.sleep.push(Date.now() - deadline);
    await workspaces.asleep('w');
    await quiet();
    // Every other one as a sleep deletes: its end is of another kind, its start is not.
    await (sample % 2 === 0 ? bare(series.bareEnd, {}) : bare(series.bareKill, { gracePeriodSeconds: 0 }));
  }
  const ratio = (of: number[], to: number[]) => percentile(of, 0.5) / percentile(to, 0.5);
  return {
    milliseconds: {
      wake: summary(series.wake),
      sleep: summary(series.sleep),
      bareStart: summary(series.bareStart),
      bareEnd: summary(series.bareEnd),
      bareKill: summary(series.bareKill),
    },
    aims: {
      'wake / bare start': { figure: ratio(series.wake, series.bareStart), most: 1.3 },
      'sleep / bare end': { figure: ratio(series.sleep, series.bareEnd), most: 1.5 },
    } satisfies Record<string, Aim>,
  };
}

function isReady(pod: Pod | undefined): boolean {
  const statuses = pod?.status?.containerStatuses ?? [];
  return statuses.length === 2 && statuses.every((each) => each.ready);
}

function bareClaim(like: KubernetesObject & { spec: object }, namespace: string): KubernetesObject {
  const { volumeName: _, ...spec } = like.spec as { volumeName?: string };
  return {
    ...reference('v1', 'PersistentVolumeClaim', 'bare', namespace),
    spec,
  } as KubernetesObject;
}

/** Containers that only wait: no image of ours needs to be started for a bare pod to be ready. */
const waiting: Record<string, string[]> = {
  agent: ['/usr/local/bin/node', '-e', 'process.on("SIGTERM", process.exit); setInterval(() => {}, 1e9)'],
  workspace: ['/usr/bin/tini', '--', 'sleep', 'infinity'],
};

function barePod(template: Template, namespace: string): KubernetesObject {
  const { containers, volumes, nodeName: _node, ...rest } = template.spec;
  return {
    ...reference('v1', 'Pod', 'bare', namespace),
    spec: {
      ...rest,
      containers: containers.map(({ readinessProbe: _ready, livenessProbe: _live, ...container }) => ({
        ...container,
        command: waiting[String(container.name)],
      })),
      volumes: volumes.map((volume) =>
        volume.persistentVolumeClaim === undefined
          ? volume
          : { ...volume, persistentVolumeClaim: { claimName: 'bare' } },
      ),
    },
  } as unknown as KubernetesObject;
}
