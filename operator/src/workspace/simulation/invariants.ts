import { type KubeObject, resources } from '../../kube/index.ts';
import { claimNameOf } from '../claim.ts';
import { isOwnedBy } from '../pod.ts';
import { claimOfPod, name } from './names.ts';
import type { Volumes } from './volumes.ts';
import type { World } from './world.ts';

/** What does not hold at this moment and must. */
export function violationsIn(world: World, volumes: Volumes): string[] {
  const found: string[] = [];
  const { workspace } = world;
  const status = workspace?.status;
  if (status?.phase === 'Suspended') {
    if (world.pod !== undefined) found.push('Suspended, and there is a pod');
    const digest =
      status.checkpoint === undefined ? undefined : world.volume.manifests.get(status.checkpoint.sequence);
    if (digest === undefined || digest !== status.checkpoint?.digest)
      found.push('Suspended without a verified checkpoint');
  }
  const ownPod = world.pod !== undefined && isOwnedBy(world.pod, workspace?.metadata.uid ?? '');
  if (ownPod && workspace !== undefined && claimOfPod(world.pod) !== claimNameOf(workspace))
    found.push('a pod has another claim than the one in force');
  for (const { status: its, metadata, spec } of world.server.all(resources.checkpoints)) {
    if (spec.workspaceRef.name !== name.name) continue;
    const snapshot = world.volumeSnapshots.find((each) => each.metadata.name === its?.volumeSnapshot?.name);
    if (its?.volumeSnapshot === undefined || snapshot === undefined) continue;
    const cut = volumes.cutOf(snapshot);
    if (cut === undefined) found.push(`${metadata.name} names a snapshot that is not cut`);
    else if (cut.cursor !== cut.cursors.get(its.sequence ?? 0))
      found.push(`${metadata.name} names a snapshot of another moment`);
  }
  for (const { transcript } of volumes.all)
    if (new Set(transcript).size !== transcript.length) found.push('a message entered the transcript twice');
  for (const message of world.messages) {
    const records = volumes.all.map(({ inbox }) => inbox.get(message.metadata.uid ?? ''));
    if (message.status?.phase === 'Completed' && !records.some((each) => each?.phase === 'Completed'))
      found.push('a message is called completed and is not');
  }
  return found;
}

/** Only one that a rewind left may go: where what was on it can be had again, or where it never came to anything. */
export function wrongDeletion(world: World, { metadata }: KubeObject): string[] {
  const found: string[] = [];
  const { workspace } = world;
  const rewind = workspace?.status?.rewind;
  if (workspace === undefined || rewind === undefined || metadata.name === claimNameOf(workspace)) {
    found.push('a claim is deleted without its workspace');
    return found;
  }
  if (rewind.phase === 'Failed' && metadata.name === rewind.claim) return found;
  if (rewind.phase !== 'Completed' || metadata.name !== rewind.previousClaim)
    found.push('a claim is deleted that no rewind left');
  if (world.volume.rewound?.id !== rewind.uid)
    found.push('a claim is deleted before the one in its place is whole');
  const present = world.server
    .all(resources.checkpoints)
    .find((each) => each.metadata.uid === rewind.uid)?.status;
  const archived = present?.archive?.phase === 'Completed';
  if (present !== undefined && present.volumeSnapshot === undefined && !archived)
    found.push('a claim is deleted before its present is archived');
  const snapshot = world.volumeSnapshots.find((each) => each.metadata.name === present?.volumeSnapshot?.name);
  if (snapshot !== undefined && snapshot.status?.readyToUse !== true)
    found.push('a claim is deleted before its snapshot is ready');
  return found;
}
