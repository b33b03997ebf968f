import { afterAll, beforeAll } from 'vitest';
import { type Cluster, connect } from './cluster.ts';
import { PodWitness } from './pod-witness.ts';
import { Workspaces } from './workspaces.ts';

/**
 * A namespace of its own for one test file, and a witness that fails the file when a workspace ever had two pods at once.
 * Deleted at the end; the next file does not wait for that.
 */
export function suite(prefix: string): { cluster: Cluster; workspaces: Workspaces; witness: PodWitness } {
  const held = {} as { cluster: Cluster; workspaces: Workspaces; witness: PodWitness };
  let namespace: (AsyncDisposable & { name: string }) | undefined;
  beforeAll(async () => {
    held.cluster = connect();
    namespace = await held.cluster.namespace(`e2e-${prefix}`);
    held.workspaces = new Workspaces(held.cluster, namespace.name);
    held.witness = await PodWitness.watch(held.cluster, namespace.name);
  });
  afterAll(async () => {
    const doubles = await held.witness?.finish();
    if (process.env.DORMOUSE_KEEP_NAMESPACES !== '1') await namespace?.[Symbol.asyncDispose]();
    await held.cluster?.[Symbol.asyncDispose]();
    if (doubles !== undefined && doubles.length > 0)
      throw new Error(`two pods at once: ${doubles.join('; ')}`);
  });
  return held;
}
