import type {
  AgentCheckpoint,
  AgentCheckpointStatus,
  AgentWorkspace,
  AgentWorkspaceStatus,
} from '@dormouse/crds';
import type { VolumeSnapshot } from '../kube/index.ts';
import { quantityValue } from './quantity.ts';
import type { Snapshot } from './snapshot.ts';

/** What the volume of a workspace begins with. */
export type Beginning =
  /** Nothing of another workspace. */
  | { with: 'nothing' }
  | { with: 'snapshot'; from: NonNullable<AgentWorkspaceStatus['forkedFrom']> }
  | { with: 'waiting' | 'unusable'; message: string };

/**
 * What `spec.source` comes to. Once it is in status it is no longer asked for: checkpoint and origin may go.
 * @param size of the claim; undefined where the class is missing
 */
export function beginningOf(
  { source, claim, volumeSnapshots }: Snapshot,
  { spec, status, metadata }: AgentWorkspace,
  size: string | undefined,
): Beginning {
  if (status?.forkedFrom !== undefined) return { with: 'snapshot', from: status.forkedFrom };
  const wanted = spec.source?.checkpointRef.name;
  if (wanted === undefined) return { with: 'nothing' };
  const unusable = (why: string): Beginning => ({
    with: 'unusable',
    message: `AgentWorkspace ${metadata.name} cannot begin with AgentCheckpoint ${wanted}: ${why}`,
  });
  // Of one that was made for it the status would say so.
  if (claim !== undefined)
    return unusable(
      `PersistentVolumeClaim ${metadata.name} exists already, with other files. Delete that claim, or make the workspace under another name.`,
    );
  const another = 'Delete this workspace, and make it from another checkpoint';
  const checkpoint = source?.checkpoint;
  if (checkpoint === undefined)
    return unusable(`there is none of that name in namespace ${metadata.namespace}. ${another}.`);
  const origin = checkpoint.spec.workspaceRef.name;
  const { phase, sequence, volumeSnapshot } = checkpoint.status ?? {};
  if (phase === 'Failed') return unusable(`it failed. ${another}.`);
  if (phase !== 'Completed' || sequence === undefined)
    return { with: 'waiting', message: `AgentCheckpoint ${wanted} is not complete yet.` };
  if (volumeSnapshot === undefined && checkpoint.status?.archive !== undefined)
    return fromArchive(checkpoint.status.archive, { origin, wanted, sequence }, size, unusable);
  if (volumeSnapshot === undefined)
    return unusable(
      `it has neither a VolumeSnapshot nor an archive. ${another}, one that AgentWorkspace ${origin} took before a sleep with spec.checkpoint.volumeSnapshotClassName set, or with: dormouse checkpoint ${origin} --archive.`,
    );
  if (volumeSnapshots === undefined)
    return unusable('the cluster has no VolumeSnapshots. Install a snapshot controller and its definitions.');
  const workspaceUID = ownerOf(source?.volumeSnapshot, checkpoint);
  if (workspaceUID === undefined)
    return unusable(`its VolumeSnapshot ${volumeSnapshot.name} is gone. ${another}.`);
  if (!volumeSnapshot.readyToUse)
    return { with: 'waiting', message: `VolumeSnapshot ${volumeSnapshot.name} is not ready to use yet.` };
  const { restoreSize } = volumeSnapshot;
  if (size !== undefined && restoreSize !== undefined && quantityValue(size) < quantityValue(restoreSize))
    return unusable(
      `a volume of ${size} is too small, its files come from one of ${restoreSize}. Raise spec.storage.size to that.`,
    );
  return {
    with: 'snapshot',
    from: {
      workspace: origin,
      workspaceUID,
      checkpoint: wanted,
      sequence,
      volumeSnapshot: volumeSnapshot.name,
    },
  };
}

function fromArchive(
  { phase, repository, snapshots, bytes = 0, message }: NonNullable<AgentCheckpointStatus['archive']>,
  { origin, wanted, sequence }: { origin: string; wanted: string; sequence: number },
  size: string | undefined,
  unusable: (why: string) => Beginning,
): Beginning {
  if (phase === 'Failed')
    return unusable(
      `its archive failed: ${message ?? 'no more is known'} Make the workspace from another one.`,
    );
  if (phase !== 'Completed' || repository === undefined || snapshots === undefined)
    return { with: 'waiting', message: `The archive of AgentCheckpoint ${wanted} is not complete yet.` };
  if (size !== undefined && quantityValue(size) < bytes)
    return unusable(
      `a volume of ${size} is too small, its files have ${bytes} bytes. Raise spec.storage.size above that.`,
    );
  const workspaceUID = repository.split('/')[2] ?? '';
  return {
    with: 'snapshot',
    from: {
      ...{ workspace: origin, workspaceUID, checkpoint: wanted, sequence },
      archive: { repository, snapshots, restored: false },
    },
  };
}

/** The UID of the workspace whose snapshot it is, where that is the checkpoint's. */
function ownerOf(snapshot: VolumeSnapshot | undefined, { spec }: AgentCheckpoint): string | undefined {
  return snapshot?.metadata.ownerReferences?.find(
    ({ controller, kind, name }) =>
      controller === true && kind === 'AgentWorkspace' && name === spec.workspaceRef.name,
  )?.uid;
}
