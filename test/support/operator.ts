import { type Cluster, type KubernetesObject, reference } from './cluster.ts';
import { killContainer } from './nodes.ts';
import type { Pod } from './workspaces.ts';

/** Where the chart put the operator. */
export const operatorNamespace = process.env.DORMOUSE_NAMESPACE ?? 'dormouse-system';
const leaseName = 'dormouse-operator';

interface Lease extends KubernetesObject {
  spec?: { holderIdentity?: string };
}

/** The pod of the replica that holds the lease; waits until one does. */
export async function leader(cluster: Cluster): Promise<Pod> {
  const lease = reference('coordination.k8s.io/v1', 'Lease', leaseName, operatorNamespace);
  const held = await cluster.waitFor<Lease>(
    lease,
    'held',
    (object) => (object?.spec?.holderIdentity ?? '') !== '',
    60_000,
  );
  const holder = held?.spec?.holderIdentity ?? '';
  const pods = await cluster.list<Pod>('v1', 'Pod', { namespace: operatorNamespace });
  const pod = pods.find(({ metadata }) => holder.startsWith(metadata.name));
  if (pod === undefined) throw new Error(`the lease is held by ${holder}, which is no pod`);
  return pod;
}

/** SIGKILL for the leader: no lease is released, nothing is finished. */
export async function killLeader(cluster: Cluster): Promise<void> {
  await killContainer(await leader(cluster), 'operator');
}
