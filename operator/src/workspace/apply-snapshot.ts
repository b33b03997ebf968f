import { isUnderWay, namesSnapshot } from '../checkpoint/volume-snapshot.ts';
import { AlreadyExistsError, NotFoundError, resources } from '../kube/index.ts';
import type { Action } from './actions.ts';
import type { Work } from './apply.ts';
import { confirm } from './confirm.ts';
import { isOwnedBy } from './pod.ts';
import { isRefusal } from './refusal.ts';
import { LearntError, StaleError, type Surroundings } from './surroundings.ts';

type Of<Do extends Action['do']> = Extract<Action, { do: Do }>;

/** A refusal goes into memory: the checkpoint is complete without, and the sleep goes on. */
export async function createVolumeSnapshot(
  { snapshot: wanted }: Of<'createVolumeSnapshot'>,
  { workspace, memory }: Work,
  { kube }: Surroundings,
): Promise<void> {
  const { name } = wanted.metadata;
  const failed = (message: string) => {
    memory.snapshotProblem = { name, message };
    return new LearntError(message);
  };
  try {
    await kube.create(resources.volumeSnapshots, wanted);
  } catch (error) {
    if (error instanceof AlreadyExistsError) {
      const live = await kube.get(resources.volumeSnapshots, wanted.metadata);
      if (!isOwnedBy(live, workspace?.metadata.uid ?? ''))
        throw failed(`VolumeSnapshot ${name} exists and belongs to something else. Delete or rename it.`);
    } else if (isRefusal(error) || error instanceof NotFoundError)
      throw failed(`The API server refuses VolumeSnapshot ${name}: ${error.message}`);
    else throw error;
  }
  memory.snapshotAsked = name;
}

/** Files cannot be brought back, so the server is asked first: caches may show a snapshot before the checkpoint that names it. */
export async function deleteVolumeSnapshot(
  { name, uid }: Of<'deleteVolumeSnapshot'>,
  work: Work,
  around: Surroundings,
): Promise<void> {
  const { kube } = around;
  const { namespace } = work.snapshot.name;
  await confirm(work, around);
  const { items } = await kube.list(resources.checkpoints, {
    namespace,
    fieldSelector: `spec.workspaceRef.name=${work.snapshot.name.name}`,
  });
  const named = items.some(
    (each) => namesSnapshot(each, name) || (each.metadata.name === name && isUnderWay(each)),
  );
  if (named) throw new StaleError(`a checkpoint names VolumeSnapshot ${name}`);
  work.written.noteDeleted(uid);
  try {
    await kube.delete(resources.volumeSnapshots, { namespace, name }, { uid });
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
  }
}
