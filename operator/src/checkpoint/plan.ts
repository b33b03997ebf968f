import type { CheckpointState } from '@dormouse/agent-runtime/protocol';
import type { AgentCheckpoint, AgentCheckpointStatus, CheckpointReason } from '@dormouse/crds';
import type { Action } from '../workspace/actions.ts';
import { instant } from '../workspace/instant.ts';
import type { Situation } from '../workspace/situation.ts';

/** The name of the AgentCheckpoint of a sleep. */
export function checkpointName(workspace: string, sequence: number): string {
  return `${workspace}-${sequence}`;
}

/** A number that no checkpoint of the workspace ever had: not in status, not on the volume, not as an object. */
export function nextSequence({ name, status, checkpoints, runtime, memory }: Situation): number {
  let highest = Math.max(
    status.checkpoint?.sequence ?? 0,
    status.checkpointing?.sequence ?? 0,
    runtime.state?.lastSequence ?? 0,
    runtime.state?.checkpoint?.sequence ?? 0,
    memory.checkpointRefused?.sequence ?? 0,
  );
  const prefix = `${name.name}-`;
  for (const each of checkpoints) {
    highest = Math.max(highest, each.status?.sequence ?? 0);
    // A person may have taken the name that the next sleep would use.
    const suffix = each.metadata.name.startsWith(prefix) ? each.metadata.name.slice(prefix.length) : '';
    if (/^[0-9]{1,9}$/.test(suffix)) highest = Math.max(highest, Number(suffix));
  }
  return highest + 1;
}

/** The AgentCheckpoint of the sleep under way, once it is complete. */
export function recordOf({ status, checkpoints }: Situation): AgentCheckpoint | undefined {
  const { checkpointing } = status;
  return checkpoints.find(
    (each) =>
      each.metadata.name === checkpointing?.name &&
      each.status?.phase === 'Completed' &&
      each.status.sequence === checkpointing.sequence,
  );
}

/** What the status of an AgentCheckpoint says of a checkpoint that agentd completed and the operator verified. */
export function completed(
  state: CheckpointState,
  now: number,
  snapshot: Pick<AgentCheckpointStatus, 'volumeSnapshot' | 'reason' | 'message'> = {},
): AgentCheckpointStatus {
  return {
    phase: 'Completed',
    observedGeneration: 1,
    sequence: state.sequence,
    startedAt: state.startedAt,
    completedAt: state.completedAt ?? instant(now),
    ...(state.digest === undefined ? {} : { digest: state.digest }),
    ...(state.bytes === undefined ? {} : { bytes: state.bytes }),
    ...(state.sessions === undefined ? {} : { sessions: state.sessions }),
    ...(state.processes === undefined ? {} : { processes: state.processes }),
    ...(state.durations === undefined ? {} : { durations: state.durations }),
    ...snapshot,
  };
}

/** AgentCheckpoints that wait for the operator, oldest first. */
export function requested(checkpoints: readonly AgentCheckpoint[]): AgentCheckpoint[] {
  return checkpoints
    .filter(
      ({ metadata, status }) =>
        metadata.deletionTimestamp === undefined &&
        status?.phase !== 'Completed' &&
        status?.phase !== 'Failed',
    )
    .sort((a, b) =>
      `${a.metadata.creationTimestamp} ${a.metadata.name}` <
      `${b.metadata.creationTimestamp} ${b.metadata.name}`
        ? -1
        : 1,
    );
}

/** Those of them that are taken from an agent which is awake: an archive is made of a workspace that sleeps. */
export function requestedAwake(checkpoints: readonly AgentCheckpoint[]): AgentCheckpoint[] {
  return requested(checkpoints).filter(({ spec }) => spec.archive !== true);
}

/** Writes phase and reason of an AgentCheckpoint, unless it says so already. */
export function say(
  checkpoint: AgentCheckpoint,
  phase: 'Pending' | 'Failed',
  reason: CheckpointReason,
  message: string,
): Action[] {
  const { status, metadata } = checkpoint;
  if (status?.phase === phase && status.reason === reason) return [];
  return [
    {
      do: 'writeCheckpoint',
      name: metadata.name,
      status: { ...status, phase, observedGeneration: 1, reason, message },
    },
  ];
}

/** Tells every waiting AgentCheckpoint why it waits. */
export function postpone(
  checkpoints: readonly AgentCheckpoint[],
  reason: CheckpointReason,
  message: string,
): Action[] {
  return checkpoints.flatMap((each) => say(each, 'Pending', reason, message));
}

/** Gives up every waiting AgentCheckpoint. */
export function refuse(
  checkpoints: readonly AgentCheckpoint[],
  reason: CheckpointReason,
  message: string,
): Action[] {
  return checkpoints.flatMap((each) => say(each, 'Failed', reason, message));
}

const noneAsleep: Pick<AgentCheckpointStatus, 'reason' | 'message'> = {
  reason: 'SnapshotFailed',
  message:
    'The workspace sleeps, and its newest checkpoint has no VolumeSnapshot. Wake the workspace, then ask again.',
};

/** A workspace that sleeps has its newest checkpoint already: what is asked for is what there is. */
export function answerAsleep(situation: Situation): Action[] {
  const { checkpoints, status } = situation;
  const waiting = requested(checkpoints);
  if (waiting.length === 0) return [];
  const newest = status.checkpoint;
  if (newest === undefined)
    return postpone(waiting, 'NeverStarted', 'The workspace never ran: there is nothing to take.');
  const {
    reason: _reason,
    message: _message,
    phase: _phase,
    archive: _archive,
    ...values
  } = checkpoints.find((each) => each.metadata.name === newest.name && each.status?.phase === 'Completed')
    ?.status ?? { digest: newest.digest, completedAt: newest.completedAt };
  return waiting.map((each) => ({
    do: 'writeCheckpoint',
    name: each.metadata.name,
    status: {
      ...values,
      phase: 'Completed',
      observedGeneration: 1,
      sequence: newest.sequence,
      ...(each.spec.volumeSnapshot === true && values.volumeSnapshot === undefined ? noneAsleep : {}),
      ...(each.spec.archive === true ? { archive: { phase: 'Pending', reason: 'Queued' } as const } : {}),
    },
  }));
}

/**
 * Removes the oldest AgentCheckpoints that sleeps made, beyond `keep`; agentd does the same on the volume. One that a fork is being
 * made from stays until the next look after that.
 */
export function prune({ checkpoints, status, effective, awaited }: Situation): Action[] {
  const keep = effective?.keep;
  if (keep === undefined) return [];
  const ours = checkpoints.filter(
    ({ metadata, spec, status: own }) =>
      metadata.deletionTimestamp === undefined && spec.trigger !== 'Manual' && own?.phase === 'Completed',
  );
  if (ours.length <= keep) return [];
  return ours
    .sort((a, b) => (b.status?.sequence ?? 0) - (a.status?.sequence ?? 0))
    .slice(keep)
    .filter(({ metadata }) => metadata.name !== status.checkpoint?.name && !awaited.has(metadata.name))
    .map(({ metadata }) => ({ do: 'deleteCheckpoint', name: metadata.name, uid: metadata.uid ?? '' }));
}
