import { type Cluster, type KubernetesObject, reference } from './cluster.ts';
import { killContainer } from './nodes.ts';
import type { Pod } from './workspaces.ts';

/** Where the chart put the operator. */
export const operatorNamespace = process.env.DORMOUSE_NAMESPACE ?? 'dormouse-system';
const leaseName = 'dormouse-operator';
const deployment = reference('apps/v1', 'Deployment', 'dormouse-operator', operatorNamespace);

interface Deployment extends KubernetesObject {
  spec: { replicas: number };
  status?: { readyReplicas?: number };
}

interface Lease extends KubernetesObject {
  spec?: { holderIdentity?: string };
}

const lease = reference('coordination.k8s.io/v1', 'Lease', leaseName, operatorNamespace);

/** Who holds the lease now; empty where nobody does. */
export async function leaseHolder(cluster: Cluster): Promise<string> {
  return (await cluster.get<Lease>(lease))?.spec?.holderIdentity ?? '';
}

/** The pod of the replica that holds the lease; waits until one does. */
export async function leader(cluster: Cluster): Promise<Pod> {
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

/** How many replicas the release runs. */
export async function replicas(cluster: Cluster): Promise<number> {
  const found = await cluster.get<Deployment>(deployment);
  if (found === undefined) throw new Error('Dormouse is not installed: hack/up.sh');
  return found.spec.replicas;
}

/** Sets the number of replicas; returns when so many are ready and all others are gone. */
export async function scale(cluster: Cluster, to: number): Promise<void> {
  await cluster.patch(deployment, { spec: { replicas: to } }, { subresource: 'scale' });
  await cluster.waitFor<Deployment>(
    deployment,
    `${to} replicas ready`,
    (found) => (found?.status?.readyReplicas ?? 0) === to,
    180_000,
  );
  for (const pod of await podsOf(cluster, 'operator'))
    if (pod.metadata.deletionTimestamp !== undefined || to === 0) await cluster.waitUntilGone(pod, 60_000);
}

/** The pods of one part of the release. */
export function podsOf(cluster: Cluster, component: 'operator' | 'gateway'): Promise<Pod[]> {
  return cluster.list<Pod>('v1', 'Pod', {
    namespace: operatorNamespace,
    labelSelector: `app.kubernetes.io/component=${component}`,
  });
}
