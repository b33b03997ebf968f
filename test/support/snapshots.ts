import type { TestContext } from 'vitest';
import type { Cluster } from './cluster.ts';

/** kind's own node image has no snapshots; the one that hack/kind makes has, which test/cluster looks at. */
export async function needSnapshots(cluster: Cluster, { skip }: TestContext): Promise<void> {
  const definitions = await cluster.list('apiextensions.k8s.io/v1', 'CustomResourceDefinition');
  const name = 'volumesnapshots.snapshot.storage.k8s.io';
  if (!definitions.some(({ metadata }) => metadata.name === name))
    skip('this cluster has no VolumeSnapshots');
}
