import type { AgentWorkspace } from '@dormouse/crds';
import { NotFoundError } from '@dormouse/operator/kube';
import { kinds } from '../cluster/resources.ts';
import { Failure } from '../failure.ts';
import type { Access } from '../surroundings.ts';

/**
 * The workspace of that name in the namespace of `access`.
 * @throws Failure `notFound`, which says what there is to do
 */
export async function findWorkspace(
  { kube, namespace }: Access,
  name: string,
  signal: AbortSignal,
): Promise<AgentWorkspace> {
  try {
    return await kube.get(kinds.workspaces, { namespace, name }, { signal });
  } catch (error) {
    // A 404 without the server's reason means that the whole kind is unknown.
    if (!(error instanceof NotFoundError) || error.reason === '') throw error;
    throw new Failure('notFound', `workspace "${name}" does not exist in namespace "${namespace}"`, [
      `What is there:  dormouse ls --namespace ${namespace}`,
      `Make it:        dormouse new ${name} --namespace ${namespace}`,
    ]);
  }
}

/** Objects that speak of the workspace, oldest first. */
export function ofWorkspace<
  T extends {
    metadata: { creationTimestamp?: string; name: string };
    spec: { workspaceRef: { name: string } };
  },
>(objects: readonly T[], name: string): T[] {
  return objects.filter(({ spec }) => spec.workspaceRef.name === name).sort(byAge);
}

/** Orders objects from the oldest to the newest. */
export function byAge(
  a: { metadata: { creationTimestamp?: string; name: string } },
  b: { metadata: { creationTimestamp?: string; name: string } },
): number {
  const key = ({ metadata }: typeof a) => `${metadata.creationTimestamp ?? ''} ${metadata.name}`;
  return key(a) < key(b) ? -1 : 1;
}
