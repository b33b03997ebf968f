import { recordOf } from '../checkpoint/plan.ts';
import { snapshotFinding, snapshotOutcome, snapshotStep } from '../checkpoint/volume-snapshot.ts';
import type { Action } from './actions.ts';
import type { Decision } from './decision.ts';
import { instant } from './instant.ts';
import { run } from './run.ts';
import { isParked, outdated, type Situation } from './situation.ts';
import { start } from './start.ts';

interface CheckpointProblem {
  reason: 'CheckpointFailed' | 'CheckpointTimedOut' | 'DigestMismatch';
  message: string;
}

/** A checkpoint with hold is under way, or complete: verify it, record it, delete the pod; or turn back. */
export function fallAsleep(situation: Situation): Decision {
  const { status, agent, now, settings, memory, ownPod, wanted, workspace, effective } = situation;
  const { checkpointing } = status;
  if (checkpointing === undefined) return run(situation);
  const { sequence } = checkpointing;
  const expires = Date.parse(checkpointing.startedAt) + settings.checkpointTimeout;
  const upgrade = workspace.spec.updatePolicy === 'Immediate' && outdated(situation).length > 0;

  // No answer: it is not known whether anything was held, so the pod stays. `run` says so after a while.
  if (agent === undefined) return run(situation);

  const waiting: Decision = {
    phase: 'Checkpointing',
    ready: { reason: 'Checkpointing' },
    asleep: { reason: 'Checkpointing' },
    deadlines: [expires],
  };
  const taken = agent.checkpoint;
  const failed = (reason: CheckpointProblem['reason'], message: string): Decision =>
    turnBack(situation, { reason, message });

  // Somebody needs the workspace. (A replacement of the pod serves attached people too: it goes on.)
  const messageCame = situation.runPolicy !== 'Suspended' && situation.pending.length > 0;
  if (messageCame || (wanted && !upgrade)) return turnBack(situation);

  if (taken?.sequence !== sequence) {
    if (memory.checkpointRefused?.sequence === sequence) return turnBack(situation);
    if (agent.lastSequence >= sequence)
      return failed('CheckpointFailed', `The agent restarted while it took checkpoint ${sequence}.`);
    const open = situation.open.some((each) => !isParked(each, situation));
    if (agent.busy || open || effective === undefined) return turnBack(situation);
    return {
      ...waiting,
      after: [
        [{ do: 'requestCheckpoint', sequence, trigger: upgrade ? 'BeforeUpgrade' : 'Idle', hold: true }],
      ],
    };
  }
  switch (taken.phase) {
    case 'InProgress':
      return now < expires
        ? waiting
        : failed('CheckpointTimedOut', `Checkpoint ${sequence} was not complete in time.`);
    case 'Cancelled':
      return turnBack(situation);
    case 'Failed':
      return failed(
        'CheckpointFailed',
        `Checkpoint ${sequence} failed${taken.reason === undefined ? '' : ` (${taken.reason})`}: ${taken.message ?? 'the agent says no more'}.`,
      );
    case 'Completed':
  }
  const { digest } = taken;
  if (digest === undefined || !taken.hold)
    return failed('CheckpointFailed', `Checkpoint ${sequence} came without a digest or without a hold.`);
  const { verified } = memory;
  if (verified?.sequence !== sequence || verified.digest !== digest)
    return { ...waiting, after: [[{ do: 'verifyCheckpoint', sequence, digest }]] };
  if (verified.problem !== undefined) return failed('DigestMismatch', verified.problem);

  const recorded = recordOf(situation)?.status?.digest === digest;
  const { name } = checkpointing;
  const step = recorded ? ({ is: 'none' } as const) : snapshotStep(situation, name, expires);
  if (step.is === 'missing')
    return { ...waiting, after: [[{ do: 'createVolumeSnapshot', snapshot: step.snapshot }]] };
  if (step.is === 'waited for')
    return {
      ...waiting,
      asleep: { reason: 'Checkpointing', message: `VolumeSnapshot ${name} is being taken.` },
      deadlines: [step.until],
    };
  const record: Action = {
    do: 'recordCheckpoint',
    name,
    trigger: upgrade ? 'BeforeUpgrade' : 'Idle',
    state: taken,
    snapshot: snapshotOutcome(step),
    // One that is replaced at once does not sleep.
    archive: workspace.spec.checkpoint.archive === true && !upgrade,
  };
  return {
    ...waiting,
    after: [
      // A hold does not come back: one that stands now stood when the snapshot was cut.
      ...(step.is === 'cut' ? [[{ do: 'confirmHold', sequence } as const]] : []),
      ...(recorded ? [] : [[record]]),
      [{ do: 'confirmHold', sequence }],
      // Nothing is left to lose: turns are held, everything is on the volume, the manifest matches.
      [{ do: 'deletePod', uid: ownPod?.metadata.uid ?? '', grace: 0 }],
    ],
  };
}

/** Back to `Running`. The status says so first: a hold that outlives a crash in between is released by `run`. */
function turnBack(situation: Situation, problem?: CheckpointProblem): Decision {
  const decision = run(situation);
  const stays: Decision =
    decision.phase === 'Checkpointing'
      ? // Not in the same breath: the next look decides with what was learnt.
        {
          ...decision,
          phase: 'Running',
          ready: { reason: 'Running' },
          asleep: { reason: 'IdleTooShort' },
          after: [],
          deadlines: [situation.now + 1],
        }
      : decision;
  const changes = { ...stays.changes, checkpointing: undefined };
  if (problem === undefined) return { ...stays, changes };
  const { reason, message } = problem;
  return {
    ...stays,
    changes,
    asleep: { reason: 'CheckpointFailed', message },
    findings: [...(stays.findings ?? []), { type: 'CheckpointVerified', reason, message }],
    before: [
      ...(stays.before ?? []),
      [
        { do: 'noteCheckpointFailure', reason, message },
        { do: 'event', note: { type: 'Warning', reason: 'CheckpointFailed', message } },
      ],
    ],
  };
}

/** There is no pod object. */
export function withoutPod(situation: Situation): Decision {
  const { status, asleep, wanted, runPolicy, now, workspace } = situation;
  if (status.phase === 'Checkpointing' && status.checkpointing !== undefined) {
    const record = recordOf(situation);
    const { sequence, name, startedAt } = status.checkpointing;
    const digest = record?.status?.digest;
    if (record !== undefined && digest !== undefined) {
      const checkpoint = {
        sequence,
        name,
        digest,
        completedAt: record.status?.completedAt ?? instant(now),
      };
      const measure: Action[] = [
        { do: 'measure', what: 'sleep', seconds: Math.max(0, now - Date.parse(startedAt)) / 1000 },
      ];
      if (wanted || (record.spec.trigger === 'BeforeUpgrade' && runPolicy !== 'Suspended')) {
        const decision = start(situation, { checkpoint });
        return decision.phase === 'Starting'
          ? { ...decision, before: [measure, ...(decision.before ?? [])] }
          : // It cannot start, but it did sleep well.
            {
              ...decision,
              changes: {
                ...decision.changes,
                checkpoint,
                suspendedSince: instant(now),
                podUID: undefined,
                checkpointing: undefined,
              },
            };
      }
      const sleeping = suspended(situation);
      return {
        ...sleeping,
        changes: {
          ...sleeping.changes,
          checkpoint,
          suspendedSince: instant(now),
          checkpointing: undefined,
        },
        before: [measure],
        after: [
          [
            {
              do: 'event',
              note: {
                type: 'Normal',
                reason: 'Suspended',
                message: `Asleep with checkpoint ${name}.`,
              },
            },
          ],
        ],
      };
    }
  }
  if (asleep && !wanted) return suspended(situation);
  const neverRan = status.startedAt === undefined && status.checkpoint === undefined && !asleep;
  if (runPolicy === 'Suspended' && neverRan && status.phase !== 'Starting' && status.phase !== 'Running') {
    return {
      phase: 'Pending',
      ready: { reason: 'Suspended', message: 'spec.runPolicy is Suspended and the workspace never ran.' },
      asleep: { reason: 'NeverStarted' },
      findings: [{ type: 'PodRunning', reason: 'Asleep' }],
    };
  }
  if (!asleep) return start(situation);
  const decision = start(situation);
  const why =
    runPolicy === 'Always'
      ? 'spec.runPolicy is Always'
      : situation.pending.length > 0
        ? `message ${situation.pending[0]?.metadata.name}`
        : `${workspace.metadata.name} is attached to`;
  return decision.phase === 'Starting'
    ? {
        ...decision,
        after: [
          ...(decision.after ?? []),
          [{ do: 'event', note: { type: 'Normal', reason: 'Waking', message: `Waking up: ${why}.` } }],
        ],
      }
    : decision;
}

function suspended(situation: Situation): Decision {
  const { runPolicy, memory } = situation;
  return {
    phase: 'Suspended',
    ready: {
      reason: 'Suspended',
      message:
        runPolicy === 'Suspended'
          ? 'The workspace sleeps until spec.runPolicy is no longer Suspended.'
          : 'The workspace sleeps. A message or an attachment wakes it.',
    },
    asleep: { reason: 'Suspended' },
    findings: [
      { type: 'PodRunning', reason: 'Asleep' },
      { type: 'UpToDate', reason: 'Current' },
      ...(memory.checkpointProblem === undefined
        ? [{ type: 'CheckpointVerified', reason: 'Verified' } as const]
        : []),
      ...snapshotFinding(situation),
    ],
    changes: { podUID: undefined, idleSince: undefined, startedAt: undefined },
  };
}
