import type { AgentWorkspace, AgentWorkspaceStatus } from '@dormouse/crds';
import { checkpointName } from '../checkpoint/name.ts';

type Rewind = NonNullable<AgentWorkspaceStatus['rewind']>;

/** Whether a rewind is not over yet. */
export function isUnderWay(rewind: Rewind | undefined): boolean {
  return rewind?.phase === 'Preparing' || rewind?.phase === 'Restoring' || rewind?.phase === 'Returning';
}

/** The claim that a rewind left and that is to go: the one from before, or the one that it could not start from. */
export function leftoverClaimOf(status: AgentWorkspaceStatus | undefined): string | undefined {
  const rewind = status?.rewind;
  if (rewind?.phase === 'Completed') return rewind.previousClaim;
  return rewind?.phase === 'Failed' ? rewind.claim : undefined;
}

/** Claims of the workspace beside the one in force, as far as its last rewind knows them. */
export function claimsOfRewind({ metadata, status }: AgentWorkspace): string[] {
  const inForce = status?.claimName ?? metadata.name;
  const { claim, previousClaim } = status?.rewind ?? {};
  return [...new Set([claim, previousClaim])].filter(
    (each): each is string => each !== undefined && each !== inForce,
  );
}

/** Whether a rewind under way takes this VolumeSnapshot, or goes back to it, whatever checkpoints say. */
export function isHeldByRewind(
  { metadata, status }: Pick<AgentWorkspace, 'metadata' | 'status'>,
  volumeSnapshot: string,
): boolean {
  const { rewind, checkpointing, checkpoint } = status ?? {};
  if (rewind === undefined || !isUnderWay(rewind)) return false;
  const present = rewind.sequence ?? checkpointing?.sequence ?? checkpoint?.sequence;
  return (
    volumeSnapshot === rewind.to.volumeSnapshot ||
    (present !== undefined && volumeSnapshot === checkpointName(metadata.name, present))
  );
}

/** Checkpoints that are not to be pruned: what a rewind under way goes to, and the way back from the last one. */
export function checkpointsHeldByRewind({ rewind }: AgentWorkspaceStatus): string[] {
  if (rewind === undefined) return [];
  return isUnderWay(rewind) ? [rewind.to.checkpoint, rewind.checkpoint] : [rewind.checkpoint];
}
