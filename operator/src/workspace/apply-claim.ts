import { workspaceLabel } from '@dormouse/crds';
import { AlreadyExistsError, NotFoundError, type PersistentVolumeClaim, resources } from '../kube/index.ts';
import type { Action } from './actions.ts';
import type { Work } from './apply.ts';
import { confirm } from './confirm.ts';
import { isGone, isRefusal } from './refusal.ts';
import { LearntError, type Surroundings } from './surroundings.ts';

type ClaimAction = Extract<
  Action,
  {
    do:
      | 'createClaim'
      | 'growClaim'
      | 'deleteClaim'
      | 'deleteLeftoverClaim'
      | 'deleteStrayClaim'
      | 'readClaimEvents';
  }
>;

const names = new Set<Action['do']>([
  'createClaim',
  'growClaim',
  'deleteClaim',
  'deleteLeftoverClaim',
  'deleteStrayClaim',
  'readClaimEvents',
] satisfies ClaimAction['do'][]);

export function isClaimAction(action: Action): action is ClaimAction {
  return names.has(action.do);
}

/** Writes the claims of a workspace, and reads why one has no volume. */
export async function applyToClaim(action: ClaimAction, work: Work, around: Surroundings): Promise<void> {
  switch (action.do) {
    case 'createClaim':
      return createClaim(action, work, around);
    case 'growClaim':
      return growClaim(action, work, around);
    case 'deleteClaim':
      return deleteClaim(action, work, around);
    case 'deleteLeftoverClaim':
      return deleteLeftoverClaim(action, work, around);
    case 'deleteStrayClaim':
      return deleteStrayClaim(action, work, around);
    case 'readClaimEvents':
      return readClaimEvents(action, work, around);
  }
}

async function createClaim(
  { claim }: Extract<ClaimAction, { do: 'createClaim' }>,
  work: Work,
  around: Surroundings,
): Promise<void> {
  const { memory, snapshot } = work;
  const { spec } = await confirm(work, around);
  const { name } = claim.metadata;
  try {
    const made = await around.kube.create(resources.persistentVolumeClaims, claim);
    around.expect.claims.created(made);
    if (spec.storage.retain === 'Delete' && name === snapshot.name.name)
      memory.claimMade = { uid: made.metadata.uid ?? '', at: around.now() };
    delete memory.claimProblem;
  } catch (error) {
    if (error instanceof AlreadyExistsError) {
      const live = await around.kube.get(resources.persistentVolumeClaims, claim.metadata);
      if (isClaimOf(live, snapshot.name.name)) {
        around.expect.claims.created(live);
        delete memory.claimProblem;
        return;
      }
      const message = `PersistentVolumeClaim ${name} exists and belongs to something else. Delete or rename that claim, or rename the workspace.`;
      memory.claimProblem = { reason: 'ClaimConflict', message, at: around.now() };
      throw new LearntError(message);
    }
    if (isRefusal(error)) {
      const message = `The API server refuses PersistentVolumeClaim ${name}: ${error.message}`;
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
  { uid, size }: Extract<ClaimAction, { do: 'growClaim' }>,
  { snapshot, memory }: Work,
  { kube, now }: Surroundings,
): Promise<void> {
  const claim = snapshot.claim?.metadata ?? snapshot.name;
  try {
    await kube.patch(
      resources.persistentVolumeClaims,
      claim,
      { spec: { resources: { requests: { storage: size } } } },
      { uid },
    );
  } catch (error) {
    if (!isRefusal(error)) throw error;
    memory.growthRefused = {
      reason: size,
      message: `PersistentVolumeClaim ${claim.name} cannot grow to ${size}: ${error.message}`,
      at: now(),
    };
  }
}

async function deleteClaim(
  { claim: claimName, uid }: Extract<ClaimAction, { do: 'deleteClaim' }>,
  { snapshot }: Work,
  { kube, expect }: Surroundings,
): Promise<void> {
  const name = { ...snapshot.name, name: claimName };
  try {
    const claim = uid === undefined ? await kube.get(resources.persistentVolumeClaims, name) : undefined;
    if (claim !== undefined && !isClaimOf(claim, snapshot.name.name)) return;
    const of = uid ?? claim?.metadata.uid ?? '';
    await kube.delete(resources.persistentVolumeClaims, name, { uid: of });
    expect.claims.deleted({ metadata: { ...name, uid: of } });
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/** Which claim is in force must be what the API server says, not what a cache does: files do not come back. */
async function deleteLeftoverClaim(
  { claim, uid }: Extract<ClaimAction, { do: 'deleteLeftoverClaim' }>,
  work: Work,
  around: Surroundings,
): Promise<void> {
  await confirm(work, around);
  await deleteClaim({ do: 'deleteClaim', claim, uid }, work, around);
}

/** One that was just made, for a workspace that is there no more. A workspace that has the name now may have taken it over. */
async function deleteStrayClaim(
  { uid }: Extract<ClaimAction, { do: 'deleteStrayClaim' }>,
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

async function readClaimEvents(
  { uid }: Extract<ClaimAction, { do: 'readClaimEvents' }>,
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
    const claimName = snapshot.claim?.metadata.name ?? name;
    memory.claimProblem = {
      reason: 'ProvisioningFailed',
      message: `PersistentVolumeClaim ${claimName} gets no volume${storageClass === undefined ? '' : ` from StorageClass ${storageClass}`}: ${newest.message ?? newest.reason ?? 'no more is known'}`,
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
