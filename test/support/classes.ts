import { type AgentWorkspaceClass, apiVersion, defaultClassAnnotation } from '@dormouse/crds';
import { type Cluster, type KubernetesObject, reference } from './cluster.ts';

export type StoredClass = KubernetesObject & AgentWorkspaceClass;

export async function defaultClass(cluster: Cluster): Promise<StoredClass> {
  const classes = await cluster.list<StoredClass>(apiVersion, 'AgentWorkspaceClass');
  const found = classes.find(({ metadata }) => metadata.annotations?.[defaultClassAnnotation] === 'true');
  if (found === undefined) throw new Error('the cluster has no default class');
  return found;
}

/** A class like the default one but for what `change` changes; `await using` deletes it. */
export async function classLikeDefault(
  cluster: Cluster,
  name: string,
  change: (spec: AgentWorkspaceClass['spec']) => void = () => {},
): Promise<AsyncDisposable & { name: string }> {
  const spec = structuredClone((await defaultClass(cluster)).spec);
  change(spec);
  const object = { ...reference(apiVersion, 'AgentWorkspaceClass', name), spec } as StoredClass;
  await cluster.create(object);
  return { name, [Symbol.asyncDispose]: () => cluster.delete(object) };
}
