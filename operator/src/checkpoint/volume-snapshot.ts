import { type AgentCheckpoint, type AgentCheckpointStatus, workspaceLabel } from '@dormouse/crds';
import type { Desired, VolumeSnapshot } from '../kube/index.ts';
import { isHeldByRewind } from '../rewind/needs.ts';
import type { Action } from '../workspace/actions.ts';
import { claimNameOf } from '../workspace/claim.ts';
import { conditionOf, type Finding } from '../workspace/conditions.ts';
import { importedSnapshot } from '../workspace/fork.ts';
import { isOwnedBy, ownerReference } from '../workspace/pod.ts';
import type { Situation } from '../workspace/situation.ts';
import { checkpointName, upgradeName } from './name.ts';
import { isWaiting } from './plan.ts';

/** Milliseconds for which a snapshot that the controller could not take is tried again by it, before the sleep goes on without. */
const patience = 15_000;

/** Where the VolumeSnapshot of a checkpoint stands. */
export type SnapshotStep =
  /** None is asked for, or the cluster has none. */
  | { is: 'none' }
  | { is: 'missing'; snapshot: Desired<VolumeSnapshot> }
  /** The volume must not change yet. */
  | { is: 'waited for'; until: number }
  /** It shows the volume as it is now. */
  | { is: 'cut'; volumeSnapshot: NonNullable<AgentCheckpointStatus['volumeSnapshot']> }
  | { is: 'failed'; message: string };

/**
 * The VolumeSnapshot of the checkpoint `name`, which is complete and held: what is cut while it is held shows the files and
 * the transcripts at the same instant.
 * @param expires when it is given up (milliseconds)
 */
export function snapshotStep(situation: Situation, name: string, expires: number): SnapshotStep {
  const { workspace, volumeSnapshots, memory, now } = situation;
  const className = workspace.spec.checkpoint.volumeSnapshotClassName;
  if (className === undefined || volumeSnapshots === undefined) return { is: 'none' };
  if (memory.snapshotProblem?.name === name) return { is: 'failed', message: memory.snapshotProblem.message };
  const found = own(situation).find((each) => each.metadata.name === name);
  if (found?.metadata.deletionTimestamp !== undefined)
    return { is: 'failed', message: `Somebody deleted VolumeSnapshot ${name} while it was taken.` };
  if (found?.status?.creationTime !== undefined) return { is: 'cut', volumeSnapshot: statusOf(found) };
  const error = found?.status?.error;
  const since = Date.parse(found?.metadata.creationTimestamp ?? '');
  const until = error === undefined || Number.isNaN(since) ? expires : Math.min(expires, since + patience);
  if (now >= until)
    return {
      is: 'failed',
      message: `VolumeSnapshot ${name} of class ${className} was not taken in time: ${error?.message ?? 'no more is known'}. Look at: kubectl describe volumesnapshot ${name}`,
    };
  if (found !== undefined || memory.snapshotAsked === name) return { is: 'waited for', until };
  return {
    is: 'missing',
    snapshot: {
      metadata: {
        name,
        namespace: situation.name.namespace,
        labels: { [workspaceLabel]: situation.name.name, 'app.kubernetes.io/name': 'dormouse' },
        ownerReferences: [ownerReference(workspace)],
      },
      spec: {
        source: { persistentVolumeClaimName: claimNameOf(workspace) },
        volumeSnapshotClassName: className,
      },
    },
  };
}

/** What an AgentCheckpoint says of a snapshot. */
function statusOf({
  metadata,
  status,
}: VolumeSnapshot): NonNullable<AgentCheckpointStatus['volumeSnapshot']> {
  return {
    name: metadata.name,
    readyToUse: status?.readyToUse === true,
    ...(status?.restoreSize === undefined ? {} : { restoreSize: status.restoreSize }),
  };
}

/** A label alone proves nothing: whoever may label a VolumeSnapshot must not have it taken for a checkpoint's. */
export function own({ volumeSnapshots = [], uid }: Situation): VolumeSnapshot[] {
  return volumeSnapshots.filter((each) => isOwnedBy(each, uid));
}

/** Keeps what checkpoints say of their snapshots current, and removes the snapshots that no checkpoint names. */
export function snapshotUpkeep(situation: Situation): Action[] {
  const { checkpoints, status, workspace, claim } = situation;
  return own(situation).flatMap((snapshot): Action[] => {
    const { name, uid = '', deletionTimestamp } = snapshot.metadata;
    // What a fork came from is of no use once it has its volume.
    if (status.forkedFrom?.namespace !== undefined && name === importedSnapshot(workspace))
      return claim?.status?.phase === 'Bound' && deletionTimestamp === undefined
        ? [{ do: 'dropImport' }]
        : [];
    if (deletionTimestamp !== undefined || name === status.checkpointing?.name) return [];
    if (isHeldByRewind(workspace, name) || isHeldByUpgrade(situation, name)) return [];
    if (checkpoints.some((each) => each.metadata.name === name && isUnderWay(each))) return [];
    const named = checkpoints.filter((each) => namesSnapshot(each, name));
    if (named.length > 0) return named.flatMap((each) => update(each, snapshot));
    return [{ do: 'deleteVolumeSnapshot', name, uid }];
  });
}

/** Whether the checkpoint before a wake with another image waits for it: nobody names it until it is cut. */
function isHeldByUpgrade({ checkpoints, status, name: { name } }: Situation, snapshot: string): boolean {
  const upgrade = upgradeName(name, status);
  const waits = checkpoints.some((each) => each.metadata.name === upgrade && isWaiting(each));
  return (
    waits && status.checkpoint !== undefined && snapshot === checkpointName(name, status.checkpoint.sequence)
  );
}

/** Whether a checkpoint, one that stays, says that this is its snapshot. */
export function namesSnapshot({ metadata, status }: AgentCheckpoint, name: string): boolean {
  return metadata.deletionTimestamp === undefined && status?.volumeSnapshot?.name === name;
}

/** Whether a checkpoint that somebody asked for is being taken. */
export function isUnderWay({ metadata, status }: AgentCheckpoint): boolean {
  return metadata.deletionTimestamp === undefined && status?.phase === 'InProgress';
}

/** What became of a snapshot, as the status of its checkpoint says it. */
export function snapshotOutcome(
  step: SnapshotStep,
): Pick<AgentCheckpointStatus, 'volumeSnapshot' | 'reason' | 'message'> {
  if (step.is === 'cut') return { volumeSnapshot: step.volumeSnapshot };
  return step.is === 'failed' ? { reason: 'SnapshotFailed', message: step.message } : {};
}

function update({ metadata, status }: AgentCheckpoint, snapshot: VolumeSnapshot): Action[] {
  const volumeSnapshot = statusOf(snapshot);
  const said = status?.volumeSnapshot;
  if (said?.readyToUse === volumeSnapshot.readyToUse && said.restoreSize === volumeSnapshot.restoreSize)
    return [];
  return [{ do: 'writeCheckpoint', name: metadata.name, status: { ...status, volumeSnapshot } }];
}

/** What the condition SnapshotTaken says. */
export function snapshotFinding({ workspace, volumeSnapshots, checkpoints, status }: Situation): Finding[] {
  if (workspace.spec.checkpoint.volumeSnapshotClassName === undefined) {
    const before = conditionOf(status.conditions, 'SnapshotTaken');
    return before === undefined ? [] : [{ type: 'SnapshotTaken', reason: 'NotAsked' }];
  }
  if (volumeSnapshots === undefined) return [{ type: 'SnapshotTaken', reason: 'NotInstalled' }];
  const newest = checkpoints
    .filter(({ spec, status: its }) => its?.phase === 'Completed' && wasToHaveOne(spec))
    .reduce<AgentCheckpoint | undefined>(
      (latest, each) => ((each.status?.sequence ?? 0) >= (latest?.status?.sequence ?? 0) ? each : latest),
      undefined,
    );
  const { volumeSnapshot, reason, message = '' } = newest?.status ?? {};
  if (volumeSnapshot !== undefined) return [{ type: 'SnapshotTaken', reason: 'Taken' }];
  if (reason === 'SnapshotFailed') return [{ type: 'SnapshotTaken', reason, message }];
  return [{ type: 'SnapshotTaken', reason: 'NoneYet' }];
}

function wasToHaveOne({ trigger, volumeSnapshot }: AgentCheckpoint['spec']): boolean {
  return (trigger !== 'Manual' && trigger !== 'Schedule') || volumeSnapshot === true;
}
