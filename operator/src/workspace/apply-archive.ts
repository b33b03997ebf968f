import { archivePodName, archiveRepository } from '@dormouse/agent-runtime/protocol';
import { buildArchiveSecret } from '../checkpoint/archive-secret.ts';
import { AlreadyExistsError, ConflictError, InvalidError, NotFoundError, resources } from '../kube/index.ts';
import type { Action } from './actions.ts';
import type { Work } from './apply.ts';
import { confirm } from './confirm.ts';
import { buildArchivePolicy } from './network-policy.ts';
import { isOwnedBy } from './pod.ts';
import { isRefusal } from './refusal.ts';
import { LearntError, StaleError, type Surroundings } from './surroundings.ts';

type ArchiveAction = Extract<
  Action,
  {
    do:
      | 'ensureArchivePolicy'
      | 'applyArchiveSecret'
      | 'createArchivePod'
      | 'deleteArchivePod'
      | 'readArchiveProgress';
  }
>;

const names = new Set<Action['do']>([
  'ensureArchivePolicy',
  'applyArchiveSecret',
  'createArchivePod',
  'deleteArchivePod',
  'readArchiveProgress',
] satisfies ArchiveAction['do'][]);

export function isArchiveAction(action: Action): action is ArchiveAction {
  return names.has(action.do);
}

/** Makes and follows the pods that archive. What a person has to mend goes into memory, where the next plan finds it. */
export async function applyToArchive(action: ArchiveAction, work: Work, around: Surroundings): Promise<void> {
  const { snapshot, memory, workspace } = work;
  const { kube } = around;
  switch (action.do) {
    case 'ensureArchivePolicy':
      await kube.apply(
        resources.networkPolicies,
        buildArchivePolicy(snapshot.name.namespace, around.release),
      );
      return;
    case 'applyArchiveSecret': {
      if (workspace === undefined) throw new StaleError('the workspace is gone');
      const own = around.archivePassword(archiveRepository(workspace.metadata));
      const secret = buildArchiveSecret(workspace, {
        own,
        ...(action.source === undefined ? {} : { source: around.archivePassword(action.source) }),
      });
      try {
        await kube.apply(resources.secrets, secret);
      } catch (error) {
        if (!(error instanceof InvalidError)) throw error;
        const message = `Secret ${secret.metadata.name} exists and belongs to something else. Delete or rename that Secret, or rename the workspace.`;
        if (action.checkpoint !== undefined)
          memory.archiveProblem = { checkpoint: action.checkpoint, message };
        else memory.podProblem = { reason: 'PodConflict', message, at: around.now() };
        throw new LearntError(message);
      }
      return;
    }
    case 'createArchivePod':
      return createArchivePod(action, work, around);
    case 'deleteArchivePod':
      try {
        await kube.delete(
          resources.pods,
          { namespace: snapshot.name.namespace, name: archivePodName(snapshot.name.name) },
          // It only reads, and what it wrote counts when it is whole.
          { uid: action.uid, gracePeriodSeconds: 0 },
        );
        around.expect.pods.deleted({
          metadata: {
            namespace: snapshot.name.namespace,
            name: archivePodName(snapshot.name.name),
            uid: action.uid,
          },
        });
      } catch (error) {
        if (!(error instanceof NotFoundError || error instanceof ConflictError)) throw error;
      }
      return;
    case 'readArchiveProgress': {
      const { podUID, podName, ip } = action;
      const progress = await around.archiveProgress({
        namespace: snapshot.name.namespace,
        podUID,
        podName,
        ip,
      });
      memory.archiveProgress = {
        ...{ podUID, at: around.now() },
        ...(progress === undefined ? {} : { progress }),
      };
    }
  }
}

async function createArchivePod(
  { pod, checkpoint }: Extract<ArchiveAction, { do: 'createArchivePod' }>,
  work: Work,
  around: Surroundings,
): Promise<void> {
  const workspace = await confirm(work, around);
  try {
    around.expect.pods.created(await around.kube.create(resources.pods, pod));
  } catch (error) {
    if (error instanceof AlreadyExistsError) {
      const live = await around.kube.get(resources.pods, pod.metadata);
      // An earlier create, which the cache does not show yet.
      if (isOwnedBy(live, workspace.metadata.uid ?? '')) {
        around.expect.pods.created(live);
        return;
      }
      const message = `Pod ${pod.metadata.name} exists and belongs to something else. Delete that pod.`;
      work.memory.archiveProblem = { checkpoint, message };
      throw new LearntError(message);
    }
    if (!isRefusal(error)) throw error;
    const message = `The API server refuses pod ${pod.metadata.name}: ${error.message}`;
    work.memory.archiveProblem = { checkpoint, message };
    throw new LearntError(message);
  }
}
