import { group } from '@dormouse/crds';
import type { KubeClient } from '@dormouse/operator/kube';
import { kinds, type Right } from '../cluster/resources.ts';
import { bad, type Finding, good } from './finding.ts';

/** What the commands need, by what a person does with them. */
const needed: { does: string; rights: Right[] }[] = [
  { does: 'look at workspaces', rights: own('agentworkspaces', ['get', 'list', 'watch']) },
  {
    does: 'make, change and delete workspaces',
    rights: own('agentworkspaces', ['create', 'patch', 'delete']),
  },
  {
    does: 'send messages and read replies',
    rights: own('agentmessages', ['create', 'get', 'list', 'watch']),
  },
  { does: 'take checkpoints', rights: own('agentcheckpoints', ['create', 'list', 'watch']) },
  {
    does: 'read logs and events',
    rights: [
      { verb: 'get', group: '', resource: 'pods', subresource: 'log' },
      { verb: 'list', group: '', resource: 'events' },
    ],
  },
];

function own(resource: string, verbs: string[]): Right[] {
  return verbs.map((verb) => ({ verb, group, resource }));
}

/** What the person may do in the namespace, as the API server itself says. */
export async function checkRights(
  { kube, namespace }: { kube: Pick<KubeClient, 'create'>; namespace: string },
  signal: AbortSignal,
): Promise<Finding[]> {
  return Promise.all(
    needed.map(async ({ does, rights }) => {
      const answers = await Promise.all(rights.map((right) => may(kube, { ...right, namespace }, signal)));
      const missing = rights.filter((_, index) => !answers[index]).map(worded);
      const check = `you may ${does}`;
      if (missing.length === 0) return good(check, `in namespace ${namespace}`);
      return bad(check, `not in namespace ${namespace}: you may not ${missing.join(', ')}`, [
        `Ask whoever runs the cluster for it:  kubectl create rolebinding NAME --namespace ${namespace} --clusterrole edit --user YOU`,
      ]);
    }),
  );
}

async function may(kube: Pick<KubeClient, 'create'>, right: Right, signal: AbortSignal): Promise<boolean> {
  const review = await kube.create(
    kinds.accessReviews,
    { metadata: { name: '' }, spec: { resourceAttributes: right } },
    { signal },
  );
  return review.status?.allowed === true;
}

function worded({ verb, resource, subresource, group: of }: Right): string {
  const name = subresource === undefined ? resource : `${resource}/${subresource}`;
  return `${verb} ${of === '' ? name : `${name}.${of}`}`;
}
