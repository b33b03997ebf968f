import { setTimeout as pause } from 'node:timers/promises';
import { workspaceLabel } from '@dormouse/crds';
import { type Cluster, isAway } from './cluster.ts';
import type { Pod } from './workspaces.ts';

/**
 * Watches every pod of a namespace and remembers when a workspace had two: invariant 1 of the design, seen from outside and
 * all the time, not only where a test looks.
 */
export class PodWitness {
  readonly #alive = new Map<string, Set<string>>();
  readonly #doubles: string[] = [];
  readonly #made = new Map<string, Set<string>>();
  readonly #end = new AbortController();
  #watching: Promise<void> = Promise.resolve();

  static async watch(cluster: Cluster, namespace: string): Promise<PodWitness> {
    const witness = new PodWitness();
    witness.#watching = witness.#follow(cluster, namespace);
    return witness;
  }

  /** How many pods were made for a workspace so far. */
  made(workspace: string): number {
    return this.#made.get(workspace)?.size ?? 0;
  }

  /** Stops watching; answers a line for each time two pods were seen at once. */
  async finish(): Promise<string[]> {
    this.#end.abort();
    await this.#watching;
    return this.#doubles;
  }

  async #follow(cluster: Cluster, namespace: string): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      this.#alive.clear(); // the list that a watch begins with says who is left
      try {
        for await (const { type, object } of cluster.watch<Pod>('v1', 'Pod', { namespace, signal }))
          this.#see(type, object);
      } catch (error) {
        // An API server that is restarted on purpose cuts the watch; anything but that is the file's failure.
        if (signal.aborted) return;
        if (!isAway(error)) throw error;
        await pause(100);
      }
    }
  }

  #see(type: string, pod: Pod): void {
    const workspace = pod.metadata.labels?.[workspaceLabel];
    const uid = pod.metadata.uid;
    if (workspace === undefined || uid === undefined) return;
    const alive = this.#alive.get(workspace) ?? new Set();
    this.#alive.set(workspace, alive);
    if (type === 'DELETED') alive.delete(uid);
    else if (!alive.has(uid)) {
      alive.add(uid);
      this.#made.set(workspace, (this.#made.get(workspace) ?? new Set()).add(uid));
      if (alive.size > 1) this.#doubles.push(`${workspace}: ${[...alive].join(' and ')}`);
    }
  }
}
