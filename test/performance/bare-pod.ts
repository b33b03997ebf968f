/**
 * A pod as Kubernetes alone would run it: the images, resources and mounts of a workspace's and a claim of the same kind. Its
 * containers only wait, so it is ready as soon as they run, and they end at once when told to.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { type Cluster, type KubernetesObject, reference } from '../support/cluster.ts';
import type { Pod, Workspaces } from '../support/workspaces.ts';

/**
 * Between two pods. The object of a pod that was deleted without grace is gone before its containers are: they take 2 s. And the
 * kubelet looks at its containers once a second: what begins right after something that it did would always begin at the same
 * moment of that second, which alone moved the median by 0.5 s. So the moment is left to chance.
 */
export const quiet = () => pause(3_000 + Math.random() * 1_000);

interface Template extends KubernetesObject {
  spec: {
    nodeName?: string;
    containers: Record<string, unknown>[];
    volumes: { persistentVolumeClaim?: { claimName: string } }[];
  };
}

export class BarePod {
  readonly #cluster: Cluster;
  readonly #pod: KubernetesObject;

  private constructor(cluster: Cluster, pod: KubernetesObject) {
    this.#cluster = cluster;
    this.#pod = pod;
  }

  /** Like that of a workspace which is awake; its claim is bound by a first start, as that of a workspace which wakes. */
  static async like(workspaces: Workspaces, workspace: string): Promise<BarePod> {
    const { cluster, namespace } = workspaces;
    const template = await cluster.get<Template>(workspaces.pod(workspace));
    const claim = await cluster.get<KubernetesObject & { spec: object }>(workspaces.claim(workspace));
    if (template === undefined || claim === undefined)
      throw new Error('the workspace has no pod or no claim');
    await cluster.create(claimLike(claim, namespace));
    return new BarePod(cluster, podLike(template, namespace));
  }

  /** Milliseconds from the request for it until it is ready. */
  async start(): Promise<number> {
    const begin = performance.now();
    await this.#cluster.create(this.#pod);
    await this.#cluster.waitFor<Pod>(this.#pod, 'ready', isReady, 60_000);
    return performance.now() - begin;
  }

  /** Milliseconds from the request to delete it until it is gone. */
  async end(options: { gracePeriodSeconds?: number } = {}): Promise<number> {
    const begin = performance.now();
    await this.#cluster.delete(this.#pod, options);
    await this.#cluster.waitUntilGone(this.#pod, 60_000);
    return performance.now() - begin;
  }
}

/** Of the two containers of a workspace's pod, or of one like it. */
export function isReady(pod: Pod | undefined): boolean {
  const statuses = pod?.status?.containerStatuses ?? [];
  return statuses.length === 2 && statuses.every((each) => each.ready);
}

function claimLike(like: KubernetesObject & { spec: object }, namespace: string): KubernetesObject {
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

function podLike(template: Template, namespace: string): KubernetesObject {
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
