import {
  AlreadyExistsError,
  type Desired,
  InvalidError,
  NotFoundError,
  type Pod,
  resources,
} from '../kube/index.ts';
import type { Action } from './actions.ts';
import type { Work } from './apply.ts';
import { confirm } from './confirm.ts';
import { buildNetworkPolicy } from './network-policy.ts';
import { isOwnedBy, secretName } from './pod.ts';
import { isGone, isRefusal } from './refusal.ts';
import { buildSecret } from './runtime-config.ts';
import { LearntError, StaleError, type Surroundings } from './surroundings.ts';

type OwnedAction = Extract<
  Action,
  {
    do: 'ensureNetworkPolicy' | 'applySecret' | 'confirmPodGone' | 'createPod' | 'deletePod';
  }
>;

const names = new Set<Action['do']>([
  'ensureNetworkPolicy',
  'applySecret',
  'confirmPodGone',
  'createPod',
  'deletePod',
] satisfies OwnedAction['do'][]);

export function isOwnedAction(action: Action): action is OwnedAction {
  return names.has(action.do);
}

/** Milliseconds after which the network policy of a namespace is applied again, in case somebody removed it. */
const policyLifetime = 600_000;

/** Writes what a workspace owns. What a person has to mend goes into memory, where the next plan finds it. */
export async function applyToOwned(action: OwnedAction, work: Work, around: Surroundings): Promise<void> {
  switch (action.do) {
    case 'ensureNetworkPolicy':
      return ensureNetworkPolicy(work, around);
    case 'applySecret':
      return applySecret(action, work, around);
    case 'confirmPodGone':
      return confirmPodGone(work, around);
    case 'createPod':
      return createPod(action, work, around);
    case 'deletePod':
      return deletePod(action, work, around);
  }
}

async function ensureNetworkPolicy({ snapshot }: Work, around: Surroundings): Promise<void> {
  const { namespace } = snapshot.name;
  const now = around.now();
  const applied = around.policies.get(namespace);
  if (applied !== undefined && now - applied < policyLifetime) return;
  await around.kube.apply(resources.networkPolicies, buildNetworkPolicy(namespace, around.release));
  around.policies.set(namespace, now);
}

async function applySecret(
  { config }: Extract<OwnedAction, { do: 'applySecret' }>,
  { workspace, snapshot, memory }: Work,
  around: Surroundings,
): Promise<void> {
  if (workspace === undefined) throw new StaleError('the workspace is gone');
  const secret = buildSecret(workspace, config, around.agentKey(workspace), around.egressProxy(workspace));
  try {
    await around.kube.apply(resources.secrets, secret);
  } catch (error) {
    // The type of a Secret is immutable: one of another type is somebody else's.
    if (!(error instanceof InvalidError)) throw error;
    const message = `Secret ${secretName(snapshot.name.name)} exists and belongs to something else. Delete or rename that Secret, or rename the workspace.`;
    memory.podProblem = { reason: 'PodConflict', message, at: around.now() };
    throw new LearntError(message);
  }
}

/** A cache may show the time before the pod was made. */
async function confirmPodGone({ snapshot }: Work, { kube }: Surroundings): Promise<void> {
  try {
    await kube.get(resources.pods, snapshot.name);
  } catch (error) {
    if (error instanceof NotFoundError) return;
    throw error;
  }
  throw new StaleError('the pod is still there');
}

async function createPod(
  { pod }: Extract<OwnedAction, { do: 'createPod' }>,
  work: Work,
  around: Surroundings,
): Promise<void> {
  const { memory, snapshot } = work;
  const workspace = await confirm(work, around);
  try {
    around.expect.pods.created(await around.kube.create(resources.pods, pod));
    memory.podCreatedAt = around.now();
    delete memory.podProblem;
  } catch (error) {
    if (error instanceof AlreadyExistsError) {
      const live = await around.kube.get(resources.pods, snapshot.name);
      if (isOwnedBy(live, workspace.metadata.uid ?? '')) {
        // An earlier create, of this process or of the leader before, which the cache does not show yet.
        around.expect.pods.created(live);
        delete memory.podProblem;
        return;
      }
      const owner = live.metadata.ownerReferences?.[0];
      const message = `Pod ${snapshot.name.name} exists and belongs to ${owner === undefined ? 'something else' : `${owner.kind} ${owner.name} (${owner.uid})`}. Delete that pod, or rename the workspace.`;
      memory.podProblem = { reason: 'PodConflict', message, at: around.now() };
      throw new LearntError(message);
    }
    if (isRefusal(error)) {
      const message = `The API server refuses pod ${snapshot.name.name}: ${error.message}${remedy(pod)}`;
      memory.podProblem = { reason: 'PodRefused', message, at: around.now() };
      throw new LearntError(message);
    }
    throw error;
  }
}

/** What to do where Pod Security of the namespace is the likely reason. */
function remedy(pod: Desired<Pod>): string {
  const dumpable = pod.spec?.containers.some(
    ({ securityContext }) => securityContext?.capabilities?.add !== undefined,
  );
  return dumpable
    ? '. Process images take the Pod Security level privileged of the namespace: label it pod-security.kubernetes.io/enforce=privileged, or set spec.checkpoint.processes to Restart.'
    : '';
}

async function deletePod(
  { uid, grace }: Extract<OwnedAction, { do: 'deletePod' }>,
  { snapshot }: Work,
  { kube, expect }: Surroundings,
): Promise<void> {
  try {
    await kube.delete(resources.pods, snapshot.name, {
      uid,
      ...(grace === undefined ? {} : { gracePeriodSeconds: grace }),
    });
    expect.pods.deleted({ metadata: { ...snapshot.name, uid } });
  } catch (error) {
    // The cache will show it: that pod is gone.
    if (!isGone(error)) throw error;
  }
}
