import type { KubeClient } from '@dormouse/operator/kube';
import { kinds } from '../cluster/resources.ts';
import { bad, type Finding, good } from './finding.ts';

const annotation = 'storageclass.kubernetes.io/is-default-class';

/** Whether a workspace may leave its StorageClass out. */
export async function checkStorage(
  { kube }: { kube: Pick<KubeClient, 'list'> },
  signal: AbortSignal,
): Promise<Finding> {
  const check = 'storage';
  const { items } = await kube.list(kinds.storageClasses, { signal });
  const found = items.find(({ metadata }) => metadata.annotations?.[annotation] === 'true');
  if (found !== undefined) return good(check, `StorageClass ${found.metadata.name} is the default one`);
  const known = items.map(({ metadata }) => metadata.name).join(', ') || 'none';
  return bad(check, `no StorageClass is the default one; there are: ${known}`, [
    `kubectl annotate storageclass NAME ${annotation}=true`,
    'Or name one in spec.storage.storageClassName of each workspace.',
  ]);
}
