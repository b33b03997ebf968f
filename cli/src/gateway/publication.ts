import { ForbiddenError, type KubeClient, NotFoundError } from '@dormouse/operator/kube';
import { z } from 'zod';
import { kinds } from '../cluster/resources.ts';

/**
 * Where the chart says how the gateway is reached, readable by everybody whom the API server knows. A place that does
 * not depend on the release's namespace, which a person need not know.
 */
export const publicationName = { namespace: 'kube-public', name: 'dormouse-gateway' } as const;

const publicationData = z.object({
  /** The namespace of the release. */
  namespace: z.string().min(1),
  /** The value `gateway.url`. It comes with a token, so it must be encrypted. */
  url: z.url({ protocol: /^https$/ }).optional(),
});
export type Publication = z.infer<typeof publicationData>;

/**
 * What the installation says of its gateway; undefined where it says nothing, or not to this person.
 * @throws KubeError of whatever else
 */
export async function readPublication(
  kube: Pick<KubeClient, 'get'>,
  signal: AbortSignal,
): Promise<Publication | undefined> {
  try {
    const { data } = await kube.get(kinds.configMaps, publicationName, { signal });
    return publicationData.safeParse(data ?? {}).data;
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    if (error instanceof ForbiddenError && error.status === 403) return undefined;
    throw error;
  }
}
