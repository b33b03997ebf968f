import { text } from 'node:stream/consumers';
import { errorOf, type KubeClient } from '@dormouse/operator/kube';
import { bad, type Finding, good } from './finding.ts';

/** ValidatingAdmissionPolicy, on which the ceilings of a class stand, is stable since then. */
const leastMinor = 30;

/** Whether the API server answers and is new enough. */
export async function checkServer(
  { kube, server }: { kube: Pick<KubeClient, 'raw'>; server: string },
  signal: AbortSignal,
): Promise<Finding> {
  const { status, body } = await kube.raw({ method: 'GET', path: '/version', signal });
  const answer = await text(body);
  if (status >= 300) throw errorOf('get version', status, answer);
  const { major, minor, gitVersion } = JSON.parse(answer) as {
    major: string;
    minor: string;
    gitVersion: string;
  };
  // Some providers write "30+".
  const isEnough = Number.parseInt(major, 10) > 1 || Number.parseInt(minor, 10) >= leastMinor;
  const found = `${server} answers and is Kubernetes ${gitVersion}`;
  if (isEnough) return good('API server', found);
  return bad('API server', `${found}; Dormouse needs 1.${leastMinor} or later`, ['Upgrade the cluster.']);
}
