import { ForbiddenError, type KubeClient, type Lease, NotFoundError } from '@dormouse/operator/kube';
import { type Deployment, kinds } from '../cluster/resources.ts';
import { age } from '../output/age.ts';
import { bad, type Finding, good } from './finding.ts';

const labelSelector = 'app.kubernetes.io/name=dormouse,app.kubernetes.io/component=operator';
/** Where the chart puts it unless told otherwise; looked at where the person may not look everywhere. */
const usualNamespace = 'dormouse-system';

/** The Deployment of the operator; undefined where there is none that the person may see. */
export async function findOperator(
  { kube }: { kube: Pick<KubeClient, 'list'> },
  signal: AbortSignal,
): Promise<Deployment | undefined> {
  try {
    return (await kube.list(kinds.deployments, { labelSelector, signal })).items[0];
  } catch (error) {
    if (!(error instanceof ForbiddenError)) throw error;
    return (await kube.list(kinds.deployments, { namespace: usualNamespace, labelSelector, signal }))
      .items[0];
  }
}

/** Whether the operator runs, with all its replicas. */
export function checkDeployment(operator: Deployment | undefined): Finding {
  const check = 'operator';
  if (operator === undefined) {
    return bad(check, `no Deployment with the labels ${labelSelector}`, [
      'Install it:  helm install dormouse charts/dormouse --namespace dormouse-system --create-namespace',
    ]);
  }
  const { name, namespace } = operator.metadata;
  const wanted = operator.spec.replicas ?? 1;
  const ready = operator.status?.readyReplicas ?? 0;
  const found = `Deployment ${namespace}/${name}: ${ready} of ${wanted} replicas ready`;
  if (wanted > 0 && ready >= wanted) return good(check, found);
  return bad(check, found, [
    wanted === 0
      ? `kubectl scale deployment ${name} --namespace ${namespace} --replicas 2`
      : `kubectl describe pods --namespace ${namespace} --selector ${labelSelector}`,
  ]);
}

/** Whether one replica leads: without a leader nothing wakes and nothing sleeps. */
export async function checkLeader(
  { kube }: { kube: Pick<KubeClient, 'get'> },
  operator: Deployment,
  now: number,
  signal: AbortSignal,
): Promise<Finding> {
  const check = 'leader';
  const { name, namespace = '' } = operator.metadata;
  // The chart names both alike.
  const mend = [`Look at its log:  kubectl logs --namespace ${namespace} deployment/${name}`];
  let lease: Lease;
  try {
    lease = await kube.get(kinds.leases, { namespace, name }, { signal });
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    return bad(check, `there is no Lease ${namespace}/${name}: no operator ever led`, mend);
  }
  const { holderIdentity, renewTime, leaseDurationSeconds = 15 } = lease.spec ?? {};
  if (!holderIdentity) return bad(check, `nobody holds the Lease ${namespace}/${name}`, mend);
  // Twice the time: the clocks of the two machines need not agree to the second.
  const expires = Date.parse(renewTime ?? '') + 2 * leaseDurationSeconds * 1000;
  if (!(expires > now)) {
    const since = age(renewTime, now) || 'ever';
    return bad(check, `${holderIdentity} has not renewed the Lease ${namespace}/${name} for ${since}`, mend);
  }
  return good(check, `${holderIdentity} holds the Lease ${namespace}/${name}`);
}
