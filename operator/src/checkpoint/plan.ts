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

function say(
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
    ...values
  } = checkpoints.find((each) => each.metadata.name === newest.name && each.status?.phase === 'Completed')
    ?.status ?? { digest: newest.digest, completedAt: newest.completedAt };
  return waiting.map((each) => ({
    do: 'writeCheckpoint',
    name: each.metadata.name,
    status: { ...values, phase: 'Completed', observedGeneration: 1, sequence: newest.sequence },
  }));
}

/** What the next step for AgentCheckpoints that people made is, while the agent answers. */
export interface ManualStep {
  /** Before anything is asked of the agent. */
  writes: Action[];
  /** What to ask. */
  ask: Action[];
  /** A checkpoint that was completed and verified, newer than the one in status. */
  verified?: { sequence: number; name: string; digest: string; completedAt: string };
  /** One is being taken: the workspace must not sleep now. */
  underWay: boolean;
}

/** What to do for AgentCheckpoints that people made, while the agent answers. */
export function planManual(situation: Situation): ManualStep {
  const { checkpoints, agent, memory, now, settings } = situation;
  const waiting = requested(checkpoints);
  const nothing: ManualStep = { writes: [], ask: [], underWay: false };
  const [first, ...others] = waiting;
  if (first === undefined || agent === undefined) return nothing;
  const queue = postpone(
    others.filter((each) => each.status?.phase !== 'InProgress'),
    'AnotherUnderWay',
    `${first.metadata.name} comes first.`,
  );
  const sequence = first.status?.sequence;
  const taken = agent.checkpoint;
  if (first.status?.phase === 'InProgress' && sequence !== undefined) {
    const fail = (reason: CheckpointReason, message: string): ManualStep => ({
      ...nothing,
      writes: say(first, 'Failed', reason, message),
    });
    if (memory.checkpointRefused?.sequence === sequence)
      return {
        ...nothing,
        writes: say(first, 'Pending', 'Busy', memory.checkpointRefused.message),
        underWay: true,
      };
    if (taken?.sequence !== sequence) {
      // The agent restarted while it took it, or was never asked.
      if (agent.lastSequence >= sequence)
        return fail('AgentFailed', 'The agent restarted while it took the checkpoint.');
      return {
        ...nothing,
        ask: [{ do: 'requestCheckpoint', sequence, trigger: first.spec.trigger, hold: false }],
        underWay: true,
      };
    }
    if (taken.phase === 'InProgress') {
      if (now - Date.parse(taken.startedAt) < settings.checkpointTimeout)
        return { ...nothing, underWay: true };
      return {
        ...fail('TimedOut', 'The agent was not done in time.'),
        ask: [{ do: 'cancelCheckpoint', sequence }],
      };
    }
    if (taken.phase === 'Cancelled') return fail('Cancelled', taken.message ?? 'The agent cancelled it.');
    if (taken.phase === 'Failed' || taken.digest === undefined)
      return fail('AgentFailed', taken.message ?? 'The agent could not take it.');
    const { verified } = memory;
    if (verified?.sequence !== sequence || verified.digest !== taken.digest)
      return {
        ...nothing,
        ask: [{ do: 'verifyCheckpoint', sequence, digest: taken.digest }],
        underWay: true,
      };
    if (verified.problem !== undefined) return fail('DigestMismatch', verified.problem);
    const status = completed(taken, now);
    return {
      writes: [{ do: 'writeCheckpoint', name: first.metadata.name, status }],
      ask: [],
      verified: {
        sequence,
        name: first.metadata.name,
        digest: taken.digest,
        completedAt: status.completedAt ?? instant(now),
      },
      underWay: false,
    };
  }
  if (agent.busy)
    return {
      ...nothing,
      writes: [
        ...say(first, 'Pending', 'Busy', agent.busyReasons[0]?.detail ?? 'The agent is at work.'),
        ...queue,
      ],
    };
  if (taken?.phase === 'InProgress') return { ...nothing, underWay: true };
  if (now < memory.checkpointNotBefore) return nothing;
  const next = nextSequence(situation);
  return {
    writes: [
      {
        do: 'writeCheckpoint',
        name: first.metadata.name,
        status: { phase: 'InProgress', observedGeneration: 1, sequence: next, startedAt: instant(now) },
      },
      ...queue,
    ],
    ask: [{ do: 'requestCheckpoint', sequence: next, trigger: first.spec.trigger, hold: false }],
    underWay: true,
  };
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
