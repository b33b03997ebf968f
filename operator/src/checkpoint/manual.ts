import type { CheckpointState } from '@dormouse/agent-runtime/protocol';
import type { CheckpointReason } from '@dormouse/crds';
import type { Action } from '../workspace/actions.ts';
import { instant } from '../workspace/instant.ts';
import type { Situation } from '../workspace/situation.ts';
import { completed, nextSequence, postpone, requestedAwake, say } from './plan.ts';
import { isUnderWay, type SnapshotStep, snapshotOutcome, snapshotStep } from './volume-snapshot.ts';

/** What the next step for AgentCheckpoints that people made is, while the agent answers. */
export interface ManualStep {
  /** To be asked of the agent before anything is written. */
  confirm?: Action;
  /** Before anything else is asked of the agent. */
  writes: Action[];
  /** What to ask. */
  ask: Action[];
  /** A checkpoint that was completed and verified, newer than the one in status. */
  verified?: { sequence: number; name: string; digest: string; completedAt: string };
  /** One is being taken: the workspace must not sleep now. */
  underWay: boolean;
  /** When to look again (milliseconds). */
  until?: number;
}

/** Whether the agent holds turns for the snapshot of a checkpoint that somebody asked for. */
export function isHeldByHand({ checkpoints, agent }: Situation): boolean {
  const [first] = requestedAwake(checkpoints);
  const taken = agent?.checkpoint;
  return (
    first !== undefined &&
    isUnderWay(first) &&
    first.spec.volumeSnapshot === true &&
    taken?.hold === true &&
    taken.sequence === first.status?.sequence
  );
}

/** What to do for AgentCheckpoints that people made, while the agent answers. */
export function planManual(situation: Situation): ManualStep {
  const { checkpoints, agent, memory, now, settings } = situation;
  const waiting = requestedAwake(checkpoints);
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
  const hold = first.spec.volumeSnapshot === true;
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
        ask: [{ do: 'requestCheckpoint', sequence, trigger: first.spec.trigger, hold }],
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
    const step = hold ? manualSnapshot(situation, first.metadata.name, taken) : ({ is: 'none' } as const);
    if (step.is === 'missing')
      return {
        ...nothing,
        ask: [{ do: 'createVolumeSnapshot', snapshot: step.snapshot }],
        underWay: true,
      };
    if (step.is === 'waited for') return { ...nothing, underWay: true, until: step.until };
    const status = completed(taken, now, snapshotOutcome(step));
    return {
      // A hold does not come back: one that stands now stood when the snapshot was cut.
      ...(step.is === 'cut' ? { confirm: { do: 'confirmHold', sequence } as const } : {}),
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
    ask: [{ do: 'requestCheckpoint', sequence: next, trigger: first.spec.trigger, hold }],
    underWay: true,
  };
}

function manualSnapshot(situation: Situation, name: string, taken: CheckpointState): SnapshotStep {
  if (!taken.hold)
    return { is: 'failed', message: 'The agent went on with its work before the VolumeSnapshot was taken.' };
  const step = snapshotStep(
    situation,
    name,
    Date.parse(taken.startedAt) + situation.settings.checkpointTimeout,
  );
  if (step.is !== 'none') return step;
  return {
    is: 'failed',
    message:
      situation.volumeSnapshots === undefined
        ? 'The cluster has no VolumeSnapshots. Install a snapshot controller and its definitions.'
        : `AgentWorkspace ${situation.name.name} names no class for it: set spec.checkpoint.volumeSnapshotClassName.`,
  };
}
