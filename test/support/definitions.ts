import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { parseAllDocuments } from 'yaml';
import type { Cluster, KubernetesObject } from './cluster.ts';
import { operatorNamespace } from './operator.ts';

const generated = fileURLToPath(new URL('../../crds/generated', import.meta.url));

/** By these Helm knows what belongs to a release: it adopts what is there already instead of refusing to install. */
const ofTheRelease = {
  labels: { 'app.kubernetes.io/managed-by': 'Helm' },
  annotations: {
    'meta.helm.sh/release-name': 'dormouse',
    'meta.helm.sh/release-namespace': operatorNamespace,
  },
};

interface Definition extends KubernetesObject {
  spec?: object;
  status?: { conditions?: { type: string; status: string }[] };
}

/**
 * Brings the CRDs and the ceilings' policy of this checkout onto the cluster and waits until the API server serves them.
 * What is equal already is not touched. They stay, since a release may have adopted them meanwhile.
 */
export async function installDefinitions(cluster: Cluster): Promise<void> {
  const objects = readdirSync(generated).flatMap((file) => readObjects<Definition>(join(generated, file)));
  await Promise.all(objects.map((object) => install(cluster, object)));
}

/** Every object of a YAML file. */
export function readObjects<T extends KubernetesObject = KubernetesObject>(file: string): T[] {
  return parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS() as T);
}

async function install(cluster: Cluster, object: Definition): Promise<void> {
  const present = await cluster.get<Definition>(object);
  const { labels, annotations } = present?.metadata ?? ofTheRelease;
  const owned: Definition = {
    ...object,
    metadata: { ...object.metadata, ...(labels && { labels }), ...(annotations && { annotations }) },
  };
  // In Helm's name: a field owned by another manager would make the next `helm upgrade` that changes it a conflict.
  const manager = 'helm';
  const wanted = await cluster.apply(owned, { manager, dryRun: true });
  if (!isDeepStrictEqual(wanted.spec, present?.spec)) await cluster.apply(owned, { manager });
  if (object.kind !== 'CustomResourceDefinition') return;
  await cluster.waitFor<Definition>(
    object,
    'Established',
    (crd) =>
      crd?.status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True') ===
      true,
  );
}
