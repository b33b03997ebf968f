import type { CheckpointState } from '@dormouse/agent-runtime/protocol';
import {
  type AgentCheckpoint,
  type AgentCheckpointSpec,
  type AgentCheckpointStatus,
  type AgentWorkspace,
  apiVersion,
  workspaceLabel,
} from '@dormouse/crds';
import { completed } from '../checkpoint/plan.ts';
import { AlreadyExistsError, ConflictError, type Desired, NotFoundError, resources } from '../kube/index.ts';
import type { Action } from './actions.ts';
import type { Work } from './apply.ts';
import { dropImport, importSnapshot } from './apply-import.ts';
import { createVolumeSnapshot, deleteVolumeSnapshot } from './apply-snapshot.ts';
import { projectMessage } from './caches.ts';
import { confirm } from './confirm.ts';
import { mergePatch } from './patch.ts';
import { ownerReference } from './pod.ts';
import { LearntError, StaleError, type Surroundings } from './surroundings.ts';

type RecordAction = Extract<
  Action,
  {
    do:
      | 'recordCheckpoint'
      | 'createCheckpoint'
      | 'writeCheckpoint'
      | 'deleteCheckpoint'
      | 'createVolumeSnapshot'
      | 'deleteVolumeSnapshot'
      | 'importSnapshot'
      | 'dropImport'
      | 'writeMessage'
      | 'deleteMessage';
  }
>;

const names = new Set<Action['do']>([
  'recordCheckpoint',
  'createCheckpoint',
  'writeCheckpoint',
  'deleteCheckpoint',
  'createVolumeSnapshot',
  'deleteVolumeSnapshot',
  'importSnapshot',
  'dropImport',
  'writeMessage',
  'deleteMessage',
] satisfies RecordAction['do'][]);

export function isRecordAction(action: Action): action is RecordAction {
  return names.has(action.do);
}

/** Writes AgentMessages, and AgentCheckpoints with their VolumeSnapshots. One that is gone needs nothing more. */
export async function applyToRecord(action: RecordAction, work: Work, around: Surroundings): Promise<void> {
  const { snapshot, written } = work;
  const { kube } = around;
  const { namespace } = snapshot.name;
  try {
    switch (action.do) {
      case 'writeMessage': {
        const message = snapshot.messages.find((each) => each.metadata.name === action.name);
        if (message === undefined) return;
        const { uid = '' } = message.metadata;
        written.noteMessage(
          projectMessage(
            await kube.patchStatus(
              resources.messages,
              { namespace, name: action.name },
              mergePatch(message.status, action.status),
              { uid },
            ),
          ),
        );
        return;
      }
      case 'deleteMessage':
        written.noteDeleted(action.uid);
        await kube.delete(resources.messages, { namespace, name: action.name }, { uid: action.uid });
        return;
      case 'createCheckpoint':
        return await createCheckpoint(action, work, around);
      case 'writeCheckpoint': {
        const checkpoint = snapshot.checkpoints.find((each) => each.metadata.name === action.name);
        if (checkpoint === undefined) return;
        const { uid = '' } = checkpoint.metadata;
        written.noteCheckpoint(
          await kube.patchStatus(
            resources.checkpoints,
            { namespace, name: action.name },
            mergePatch(checkpoint.status, action.status),
            { uid },
          ),
        );
        return;
      }
      case 'deleteCheckpoint':
        written.noteDeleted(action.uid);
        await kube.delete(resources.checkpoints, { namespace, name: action.name }, { uid: action.uid });
        return;
      case 'createVolumeSnapshot':
        return await createVolumeSnapshot(action, work, around);
      case 'deleteVolumeSnapshot':
        return await deleteVolumeSnapshot(action, work, around);
      case 'importSnapshot':
        return await importSnapshot(action, work, around);
      case 'dropImport':
        return await dropImport(work, around);
      case 'recordCheckpoint':
        return await recordCheckpoint(action, work, around);
    }
  } catch (error) {
    const recording = action.do === 'recordCheckpoint';
    if (recording || !(error instanceof NotFoundError || error instanceof ConflictError)) throw error;
    // The watch may have told so before the answer to an earlier write came, and will not tell again.
    if (action.do === 'writeCheckpoint' && error instanceof NotFoundError)
      written.noteGone(
        snapshot.checkpoints.find((each) => each.metadata.name === action.name)?.metadata.uid ?? '',
      );
  }
}

/** The proof of a sleep: it must be in the cluster before the pod goes. */
async function recordCheckpoint(
  {
    name,
    asked,
    trigger,
    state,
    snapshot: withSnapshot,
    archive,
  }: Extract<RecordAction, { do: 'recordCheckpoint' }>,
  work: Work,
  around: Surroundings,
): Promise<void> {
  const { snapshot, memory, written } = work;
  const { kube, now, measure } = around;
  const { namespace } = snapshot.name;
  const status: AgentCheckpointStatus = {
    ...completed(state, now(), withSnapshot),
    ...(archive ? { archive: { phase: 'Pending', reason: 'Queued' } } : {}),
  };
  if (!asked) await create(name, { trigger, ...(archive ? { archive } : {}) }, state, work, around);
  written.noteCheckpoint(await kube.patchStatus(resources.checkpoints, { namespace, name }, status));
  measure('checkpoint', Math.max(0, now() - Date.parse(state.startedAt)) / 1000);
  memory.checkpointFailures = 0;
  memory.checkpointNotBefore = 0;
  delete memory.checkpointProblem;
}

/** The object of a sleep, unless an earlier try made it. */
async function create(
  name: string,
  spec: Pick<AgentCheckpointSpec, 'trigger' | 'archive'>,
  state: CheckpointState,
  { workspace, snapshot, memory }: Work,
  { kube }: Surroundings,
): Promise<void> {
  if (workspace === undefined) throw new StaleError('the workspace is gone');
  const { namespace } = snapshot.name;
  try {
    await kube.create(resources.checkpoints, checkpointOf(workspace, name, spec));
  } catch (error) {
    if (!(error instanceof AlreadyExistsError)) throw error;
    const live = await kube.get(resources.checkpoints, { namespace, name });
    const free = live.status?.sequence === undefined || live.status.sequence === state.sequence;
    if (live.spec.workspaceRef.name !== snapshot.name.name || !free) {
      const message = `AgentCheckpoint ${name} exists and speaks of something else. Delete it, or wait for the next number.`;
      memory.verified = { sequence: state.sequence, digest: state.digest ?? '', problem: message };
      throw new LearntError(message);
    }
  }
}

/** A cache may not show it yet, so that it is asked for a second time. */
async function createCheckpoint(
  { name, trigger, volumeSnapshot }: Extract<RecordAction, { do: 'createCheckpoint' }>,
  work: Work,
  around: Surroundings,
): Promise<void> {
  const workspace = await confirm(work, around);
  const spec = { trigger, ...(volumeSnapshot && { volumeSnapshot }) };
  try {
    const made = await around.kube.create(resources.checkpoints, checkpointOf(workspace, name, spec));
    work.written.noteCheckpoint(made);
  } catch (error) {
    if (!(error instanceof AlreadyExistsError)) throw error;
  }
}

function checkpointOf(
  workspace: AgentWorkspace,
  name: string,
  spec: Omit<AgentCheckpointSpec, 'workspaceRef'>,
): Desired<AgentCheckpoint> {
  const of = workspace.metadata;
  return {
    apiVersion,
    kind: 'AgentCheckpoint',
    metadata: {
      name,
      ...(of.namespace === undefined ? {} : { namespace: of.namespace }),
      labels: { [workspaceLabel]: of.name },
      ownerReferences: [ownerReference(workspace)],
    },
    spec: { workspaceRef: { name: of.name }, ...spec },
  };
}
