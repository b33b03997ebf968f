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
  const { checkpointRef, workspaceRef, archive: imported } = spec.source ?? {};
  const reference = checkpointRef ?? workspaceRef ?? (imported && { name: imported.checkpoint });
  if (reference === undefined) return { with: 'nothing' };
  const namespace = ('namespace' in reference ? reference.namespace : undefined) ?? metadata.namespace;
  const wanted = source?.checkpoint?.metadata.name ?? reference.name;
  const what =
    workspaceRef === undefined
      ? `AgentCheckpoint ${wanted}`
      : `a checkpoint of AgentWorkspace ${reference.name}`;
  const unusable = (why: string): Beginning => ({
    with: 'unusable',
    message: `AgentWorkspace ${metadata.name} cannot begin with ${what}: ${why}`,
  });
  // Of one that was made for it the status would say so.
  if (claim !== undefined)
    return unusable(
      `PersistentVolumeClaim ${metadata.name} exists already, with other files. Delete that claim, or make the workspace under another name.`,
    );
  if (imported !== undefined) {
    const { repository, snapshots, passwordSecretRef, workspace, workspaceUID, sequence, bytes } = imported;
    if (isTooSmall(size, bytes)) return unusable(tooSmall(size, bytes));
    return {
      with: 'snapshot',
      from: {
        ...{ workspace, workspaceUID, checkpoint: wanted, sequence },
        archive: { repository, snapshots, passwordSecretRef, restored: false },
      },
    };
  }
  const another = 'Delete this workspace, and make it from another checkpoint';
  const checkpoint = source?.checkpoint;
  if (checkpoint === undefined && workspaceRef !== undefined)
    return {
      with: 'waiting',
      message: `AgentWorkspace ${workspaceRef.name} of namespace ${namespace} has no checkpoint with a VolumeSnapshot yet. One comes with its next sleep where spec.checkpoint.volumeSnapshotClassName is set, or now: dormouse checkpoint ${workspaceRef.name} --snapshot --namespace ${namespace}`,
    };
  if (checkpoint === undefined)
    return unusable(`there is none of that name in namespace ${namespace}. ${another}.`);
  const origin = checkpoint.spec.workspaceRef.name;
  const { phase, sequence, volumeSnapshot } = checkpoint.status ?? {};
  if (phase === 'Failed') return unusable(`it failed. ${another}.`);
  if (phase !== 'Completed' || sequence === undefined)
    return { with: 'waiting', message: `AgentCheckpoint ${wanted} is not complete yet.` };
  if (volumeSnapshot === undefined && namespace !== metadata.namespace)
    return unusable(
      `it has no VolumeSnapshot, and an archive is read in its own namespace alone. ${another}, one with a VolumeSnapshot.`,
    );
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
      ...(namespace === metadata.namespace || namespace === undefined ? {} : { namespace }),
      workspace: origin,
      workspaceUID,
      checkpoint: wanted,
      sequence,
      volumeSnapshot: volumeSnapshot.name,
    },
  };
}

function isTooSmall(size: string | undefined, bytes: number): boolean {
  return size !== undefined && quantityValue(size) < bytes;
}

function tooSmall(size: string | undefined, bytes: number): string {
  return `a volume of ${size} is too small, its files have ${bytes} bytes. Raise spec.storage.size above that.`;
}

function fromArchive(
  { phase, place, repository, snapshots, bytes = 0, message }: NonNullable<AgentCheckpointStatus['archive']>,
  { origin, wanted, sequence }: { origin: string; wanted: string; sequence: number },
  size: string | undefined,
  unusable: (why: string) => Beginning,
): Beginning {
  if (phase === 'Failed')
    return unusable(
      `its archive failed: ${message ?? 'no more is known'} Make the workspace from another one.`,
    );
  if (place === 'Volume')
    return unusable(
      `its archive lies on the volume of AgentWorkspace ${origin}, which another workspace cannot mount. Make this one from a checkpoint that has a VolumeSnapshot, or let the class name a bucket.`,
    );
  if (phase !== 'Completed' || repository === undefined || snapshots === undefined)
    return { with: 'waiting', message: `The archive of AgentCheckpoint ${wanted} is not complete yet.` };
  if (isTooSmall(size, bytes)) return unusable(tooSmall(size, bytes));
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

type Fork = Pick<AgentWorkspace, 'metadata'>;

/** The VolumeSnapshot that a fork from another namespace has of its own, until its claim is bound. */
export function importedSnapshot({ metadata }: Fork): string {
  return `${metadata.name}-origin`;
}

/** What that is bound to. It belongs to no namespace, so its name says whose it is. */
export function importedContent({ metadata }: Fork): string {
  return `dormouse-fork-${metadata.uid}`;
}
