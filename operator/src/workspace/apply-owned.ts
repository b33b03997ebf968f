import { workspaceLabel } from '@dormouse/crds';
import {
  AlreadyExistsError,
  ConflictError,
  type Desired,
  InvalidError,
  NotFoundError,
  type PersistentVolumeClaim,
  type Pod,
  resources,
} from '../kube/index.ts';
import type { Action } from './actions.ts';
import type { Work } from './apply.ts';
import { confirm } from './confirm.ts';
import { buildNetworkPolicy } from './network-policy.ts';
import { isOwnedBy, secretName } from './pod.ts';
import { isRefusal } from './refusal.ts';
import { buildSecret } from './runtime-config.ts';
import { LearntError, StaleError, type Surroundings } from './surroundings.ts';

type OwnedAction = Extract<
  Action,
  {
    do:
      | 'ensureNetworkPolicy'
      | 'applySecret'
      | 'createClaim'
      | 'growClaim'
      | 'deleteClaim'
      | 'deleteStrayClaim'
      | 'readClaimEvents'
      | 'createPod'
      | 'deletePod';
  }
>;

const names = new Set<Action['do']>([
  'ensureNetworkPolicy',
  'applySecret',
  'createClaim',
  'growClaim',
  'deleteClaim',
  'deleteStrayClaim',
  'readClaimEvents',
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
    case 'createClaim':
      return createClaim(action, work, around);
    case 'growClaim':
      return growClaim(action, work, around);
    case 'deleteClaim':
      return deleteClaim(action, work, around);
    case 'deleteStrayClaim':
      return deleteStrayClaim(action, work, around);
    case 'readClaimEvents':
      return readClaimEvents(action, work, around);
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

async function createClaim(
  { claim }: Extract<OwnedAction, { do: 'createClaim' }>,
  work: Work,
  around: Surroundings,
): Promise<void> {
  const { memory, snapshot } = work;
  const { spec } = await confirm(work, around);
  try {
    const made = await around.kube.create(resources.persistentVolumeClaims, claim);
    around.expect.claims.created(made);
    if (spec.storage.retain === 'Delete')
      memory.claimMade = { uid: made.metadata.uid ?? '', at: around.now() };
    delete memory.claimProblem;
  } catch (error) {
    if (error instanceof AlreadyExistsError) {
      const live = await around.kube.get(resources.persistentVolumeClaims, snapshot.name);
      if (isClaimOf(live, snapshot.name.name)) {
        around.expect.claims.created(live);
        delete memory.claimProblem;
        return;
      }
      const message = `PersistentVolumeClaim ${snapshot.name.name} exists and belongs to something else. Delete or rename that claim, or rename the workspace.`;
      memory.claimProblem = { reason: 'ClaimConflict', message, at: around.now() };
      throw new LearntError(message);
    }
    if (isRefusal(error)) {
      const message = `The API server refuses PersistentVolumeClaim ${snapshot.name.name}: ${error.message}`;
      memory.claimProblem = { reason: 'ClaimRefused', message, at: around.now() };
      throw new LearntError(message);
    }
    throw error;
  }
}

function isClaimOf(claim: PersistentVolumeClaim, workspace: string): boolean {
  return claim.metadata.labels?.[workspaceLabel] === workspace;
}

async function growClaim(
  { uid, size }: Extract<OwnedAction, { do: 'growClaim' }>,
  { snapshot, memory }: Work,
  { kube, now }: Surroundings,
): Promise<void> {
  try {
    await kube.patch(
      resources.persistentVolumeClaims,
      snapshot.name,
      { spec: { resources: { requests: { storage: size } } } },
      { uid },
    );
  } catch (error) {
    if (!isRefusal(error)) throw error;
    memory.growthRefused = {
      reason: size,
      message: `PersistentVolumeClaim ${snapshot.name.name} cannot grow to ${size}: ${error.message}`,
      at: now(),
    };
  }
}

async function deleteClaim(
  { uid }: Extract<OwnedAction, { do: 'deleteClaim' }>,
  { snapshot }: Work,
  { kube, expect }: Surroundings,
): Promise<void> {
  try {
    const claim =
      uid === undefined ? await kube.get(resources.persistentVolumeClaims, snapshot.name) : undefined;
    if (claim !== undefined && !isClaimOf(claim, snapshot.name.name)) return;
    const of = uid ?? claim?.metadata.uid ?? '';
    await kube.delete(resources.persistentVolumeClaims, snapshot.name, { uid: of });
    expect.claims.deleted({ metadata: { ...snapshot.name, uid: of } });
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/** One that was just made, for a workspace that is there no more. A workspace that has the name now may have taken it over. */
async function deleteStrayClaim(
  { uid }: Extract<OwnedAction, { do: 'deleteStrayClaim' }>,
  { snapshot, memory }: Work,
  { kube, expect }: Surroundings,
): Promise<void> {
  try {
    await kube.get(resources.workspaces, snapshot.name);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    try {
      await kube.delete(resources.persistentVolumeClaims, snapshot.name, { uid });
      expect.claims.deleted({ metadata: { ...snapshot.name, uid } });
    } catch (refusal) {
      if (!isGone(refusal)) throw refusal;
    }
  }
  delete memory.claimMade;
}

/** The name is free, or taken by an object that came later. */
function isGone(error: unknown): boolean {
  return error instanceof NotFoundError || error instanceof ConflictError;
}

async function readClaimEvents(
  { uid }: Extract<OwnedAction, { do: 'readClaimEvents' }>,
  { snapshot, memory }: Work,
  { kube, now, eventReads }: Surroundings,
): Promise<void> {
  const { name, namespace } = snapshot.name;
  memory.claimEvents = { at: now(), times: (memory.claimEvents?.times ?? 0) + 1 };
  if (!eventReads.take(now())) return;
  const { items } = await kube.list(resources.events, {
    namespace,
    fieldSelector: `involvedObject.kind=PersistentVolumeClaim,involvedObject.uid=${uid}`,
  });
  const [newest] = items.sort((a, b) => whenOf(b) - whenOf(a));
  if (newest?.type === 'Warning') {
    const storageClass = snapshot.claim?.spec?.storageClassName;
    memory.claimProblem = {
      reason: 'ProvisioningFailed',
      message: `PersistentVolumeClaim ${name} gets no volume${storageClass === undefined ? '' : ` from StorageClass ${storageClass}`}: ${newest.message ?? newest.reason ?? 'no more is known'}`,
      at: now(),
    };
  } else if (memory.claimProblem?.reason === 'ProvisioningFailed') delete memory.claimProblem;
}

function whenOf(event: {
  lastTimestamp?: unknown;
  eventTime?: unknown;
  metadata: { creationTimestamp?: string };
}): number {
  return Date.parse(String(event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp)) || 0;
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
