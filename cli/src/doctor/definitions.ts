import { kinds as definedKinds, group, version } from '@dormouse/crds';
import { customResourceDefinition } from '@dormouse/crds/definition';
import { type KubeClient, NotFoundError } from '@dormouse/operator/kube';
import { howToInstall } from '../access/explain.ts';
import { type Definition, kinds } from '../cluster/resources.ts';
import { cliVersion } from '../version.ts';
import { bad, type Finding, good } from './finding.ts';
import { firstDifference } from './first-difference.ts';

const check = 'CRDs';

/** Whether the kinds are installed, with the schemas that this version of the program knows. */
export async function checkDefinitions(
  { kube }: { kube: Pick<KubeClient, 'get'> },
  signal: AbortSignal,
): Promise<Finding> {
  const missing: string[] = [];
  const different: string[] = [];
  for (const kind of definedKinds) {
    const name = `${kind.plural}.${group}`;
    try {
      const installed = await kube.get(kinds.definitions, { name }, { signal });
      const difference = compare(installed, customResourceDefinition(kind));
      if (difference !== undefined) different.push(`${kind.kind} (${difference})`);
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      missing.push(name);
    }
  }
  if (missing.length === definedKinds.length) {
    return bad(check, 'Dormouse is not installed in this cluster', howToInstall);
  }
  if (missing.length > 0) {
    return bad(check, `${missing.join(', ')} missing`, [
      'Upgrade the release:  helm upgrade dormouse charts/dormouse',
    ]);
  }
  if (different.length > 0) {
    return bad(check, `not those of dormouse ${cliVersion}: ${different.join('; ')}`, [
      'Use the program and the chart of one version. To bring the cluster to yours:  helm upgrade dormouse charts/dormouse',
    ]);
  }
  return good(
    check,
    `${definedKinds.length} kinds of ${group}/${version}, as dormouse ${cliVersion} knows them`,
  );
}

/** Where the schema of an installed CRD differs from ours first; descriptions do not count. */
function compare(
  installed: Definition,
  ours: ReturnType<typeof customResourceDefinition>,
): string | undefined {
  const served = installed.spec.versions.find((each) => each.name === version && each.served);
  if (served === undefined) return `${version} is not served`;
  return firstDifference(served.schema?.openAPIV3Schema, ours.spec.versions[0]?.schema.openAPIV3Schema);
}
