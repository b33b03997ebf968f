import { text } from 'node:stream/consumers';
import { type AgentWorkspaceClass, defaultClassAnnotation } from '@dormouse/crds';
import { errorOf, type KubeClient } from '@dormouse/operator/kube';
import { kinds } from '../cluster/resources.ts';
import { byAge } from '../workspace/find.ts';
import { bad, type Finding, good, unknown } from './finding.ts';

/** The class of workspaces that name none: of several the oldest. */
export async function findDefaultClass(
  { kube }: { kube: Pick<KubeClient, 'list'> },
  signal: AbortSignal,
): Promise<AgentWorkspaceClass | undefined> {
  const { items } = await kube.list(kinds.classes, { signal });
  return items
    .filter(({ metadata }) => metadata.annotations?.[defaultClassAnnotation] === 'true')
    .sort(byAge)[0];
}

/** Whether a workspace may leave its class out. */
export function checkDefaultClass(found: AgentWorkspaceClass | undefined): Finding {
  const check = 'default class';
  if (found !== undefined)
    return good(check, `AgentWorkspaceClass ${found.metadata.name}, model ${found.spec.model.default}`);
  return bad(check, `no AgentWorkspaceClass is annotated ${defaultClassAnnotation}=true`, [
    `kubectl annotate agentworkspaceclass NAME ${defaultClassAnnotation}=true`,
    'Or name one each time:  dormouse new NAME --class CLASS',
  ]);
}

/**
 * Whether the Secret with the provider's key is there. Only its metadata are asked for: the key is nobody's business
 * here.
 * @param namespace that of the operator; undefined where it is not known
 */
export async function checkModelSecret(
  { kube }: { kube: Pick<KubeClient, 'raw'> },
  { metadata, spec }: AgentWorkspaceClass,
  namespace: string | undefined,
  signal: AbortSignal,
): Promise<Finding> {
  const check = 'model key';
  const { secretRef, baseUrl } = spec.model;
  const of = `class ${metadata.name}`;
  if (secretRef === undefined) {
    const message = `${of} names no Secret: requests to ${baseUrl} carry no key`;
    const at = namespace ?? 'dormouse-system';
    if (!baseUrl.startsWith('https://api.anthropic.com')) return good(check, message);
    return bad(check, message, [
      `kubectl create secret generic model-provider --namespace ${at} --from-literal=api-key="$ANTHROPIC_API_KEY"`,
      'helm upgrade dormouse charts/dormouse --reuse-values --set model.secretRef.name=model-provider',
    ]);
  }
  if (namespace === undefined) {
    return unknown(check, `the namespace of the operator, where ${of} has its Secret, is not known`);
  }
  const where = ['namespaces', namespace, 'secrets', secretRef.name].map(encodeURIComponent).join('/');
  const { status, body } = await kube.raw({
    method: 'GET',
    path: `/api/v1/${where}`,
    headers: { accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1' },
    signal,
  });
  const answer = await text(body);
  if (status === 404) {
    return bad(check, `the Secret ${namespace}/${secretRef.name} that ${of} names does not exist`, [
      `kubectl create secret generic ${secretRef.name} --namespace ${namespace} --from-literal=${secretRef.key}="$ANTHROPIC_API_KEY"`,
    ]);
  }
  if (status >= 300) throw errorOf(`get secrets ${namespace}/${secretRef.name}`, status, answer);
  return good(check, `Secret ${namespace}/${secretRef.name}, named by ${of}`);
}
