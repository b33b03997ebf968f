import { workspaceLabel } from '@dormouse/crds';
import { AlreadyExistsError, NotFoundError, resources, type VolumeSnapshotContent } from '../kube/index.ts';
import type { Action } from './actions.ts';
import type { Work } from './apply.ts';
import { confirm } from './confirm.ts';
import { importedContent, importedSnapshot } from './fork.ts';
import { isOwnedBy, ownerReference } from './pod.ts';
import { isRefusal } from './refusal.ts';
import { LearntError, type Surroundings } from './surroundings.ts';

/**
 * VolumeSnapshots are of one namespace, so the fork gets one of its own that says the same data: bound to a VolumeSnapshotContent with the
 * handle of the origin's. `Retain`, since the data is the origin's. What cannot be had goes into memory as a problem of the claim.
 */
export async function importSnapshot(
  { from }: Extract<Action, { do: 'importSnapshot' }>,
  work: Work,
  around: Surroundings,
): Promise<void> {
  const { kube } = around;
  const workspace = await confirm(work, around);
  const { namespace } = work.snapshot.name;
  const name = importedSnapshot(workspace);
  const contentName = importedContent(workspace);
  const failed = (message: string) => {
    work.memory.claimProblem = { reason: 'ClaimRefused', message, at: around.now() };
    return new LearntError(message);
  };
  const { checkpointRef, workspaceRef } = workspace.spec.source ?? {};
  const origin = `VolumeSnapshot ${from.volumeSnapshot} of namespace ${from.namespace}`;
  try {
    // The source was permitted when the workspace was made. Whoever may write its status must not get at more by that.
    const { metadata, spec, status } = await kube.get(resources.checkpoints, {
      namespace: from.namespace ?? namespace,
      name: from.checkpoint,
    });
    const permitted =
      (checkpointRef ?? workspaceRef)?.namespace === from.namespace &&
      (checkpointRef?.name === metadata.name || workspaceRef?.name === spec.workspaceRef.name) &&
      status?.volumeSnapshot?.name === from.volumeSnapshot;
    if (!permitted)
      throw failed(`${origin} is not what spec.source names. Delete this workspace, and fork again.`);
    const snapshot = await kube.get(resources.volumeSnapshots, {
      namespace: from.namespace ?? namespace,
      name: from.volumeSnapshot ?? '',
    });
    if (!isOwnedBy(snapshot, from.workspaceUID))
      throw failed(`${origin} is not that of the origin any more. Delete this workspace, and fork again.`);
    const content = await kube.get(resources.volumeSnapshotContents, {
      name: snapshot.status?.boundVolumeSnapshotContentName ?? '',
    });
    const { driver, volumeSnapshotClassName, sourceVolumeMode } = content.spec;
    const snapshotHandle = content.status?.snapshotHandle ?? '';
    await unlessThere(
      kube.create(resources.volumeSnapshotContents, {
        metadata: {
          name: contentName,
          labels: {
            ...nodeOf(content),
            'app.kubernetes.io/name': 'dormouse',
            'dormouse.dev/namespace': namespace,
          },
        },
        spec: {
          driver,
          deletionPolicy: 'Retain',
          source: { snapshotHandle },
          ...(volumeSnapshotClassName === undefined ? {} : { volumeSnapshotClassName }),
          ...(sourceVolumeMode === undefined ? {} : { sourceVolumeMode }),
          volumeSnapshotRef: {
            apiVersion: 'snapshot.storage.k8s.io/v1',
            kind: 'VolumeSnapshot',
            namespace,
            name,
          },
        },
      }),
    );
    const there = await unlessThere(
      kube.create(resources.volumeSnapshots, {
        metadata: {
          name,
          namespace,
          labels: { [workspaceLabel]: workspace.metadata.name, 'app.kubernetes.io/name': 'dormouse' },
          ownerReferences: [ownerReference(workspace)],
        },
        spec: { source: { volumeSnapshotContentName: contentName } },
      }),
    );
    if (!there) return;
    const live = await kube.get(resources.volumeSnapshots, { namespace, name });
    if (!isOwnedBy(live, workspace.metadata.uid ?? ''))
      throw failed(`VolumeSnapshot ${name} exists and belongs to something else. Delete or rename it.`);
  } catch (error) {
    if (error instanceof NotFoundError)
      throw failed(`${origin} is gone: ${error.message}. Delete this workspace, and fork again.`);
    if (isRefusal(error)) throw failed(`The API server refuses a snapshot for the fork: ${error.message}`);
    throw error;
  }
}

/** Removes what {@link importSnapshot} made. Asked again, it finds nothing to do. */
export async function dropImport({ workspace, snapshot }: Work, { kube }: Surroundings): Promise<void> {
  if (workspace === undefined) return;
  const { namespace } = snapshot.name;
  const name = importedSnapshot(workspace);
  try {
    const live = await kube.get(resources.volumeSnapshots, { namespace, name });
    const { uid = '' } = live.metadata;
    if (isOwnedBy(live, workspace.metadata.uid ?? ''))
      await kube.delete(resources.volumeSnapshots, { namespace, name }, { uid });
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
  }
  try {
    await kube.delete(resources.volumeSnapshotContents, { name: importedContent(workspace) });
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
  }
}

/** Where each node has a snapshotter of its own, it looks only at contents that name it; the snapshot controller labels those it makes. */
const managedBy = 'snapshot.storage.kubernetes.io/managed-by';

function nodeOf({ metadata }: VolumeSnapshotContent): Record<string, string> {
  const node = metadata.labels?.[managedBy];
  return node === undefined ? {} : { [managedBy]: node };
}

/** Whether it was there before. */
async function unlessThere(creation: Promise<unknown>): Promise<boolean> {
  try {
    await creation;
    return false;
  } catch (error) {
    if (error instanceof AlreadyExistsError) return true;
    throw error;
  }
}
