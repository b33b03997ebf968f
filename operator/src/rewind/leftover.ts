import { workspaceLabel } from '@dormouse/crds';
import type { Action } from '../workspace/actions.ts';
import { claimNameOf } from '../workspace/claim.ts';
import type { Situation } from '../workspace/situation.ts';

/**
 * Removes the claim that a rewind left. The one from before stays until what was on it can be had again: until the VolumeSnapshot
 * of the present is ready to use, or somebody deleted that checkpoint.
 */
export function removeLeftover(situation: Situation): Action[] {
  const { leftover, status, workspace, checkpoints, volumeSnapshots = [] } = situation;
  const { rewind } = status;
  if (leftover === undefined || rewind === undefined) return [];
  const { name, uid = '', labels, deletionTimestamp } = leftover.metadata;
  if (
    deletionTimestamp !== undefined ||
    name === claimNameOf(workspace) ||
    labels?.[workspaceLabel] !== workspace.metadata.name
  )
    return [];
  if (rewind.phase === 'Completed') {
    const present = checkpoints.find(({ metadata }) => metadata.uid === rewind.uid);
    const kept = present?.status?.volumeSnapshot?.name;
    const snapshot = volumeSnapshots.find(({ metadata }) => metadata.name === kept);
    if (snapshot !== undefined && snapshot.status?.readyToUse !== true) return [];
  }
  return [{ do: 'deleteLeftoverClaim', claim: name, uid }];
}
