import { checkpointName } from '../checkpoint/name.ts';
import { recordOf, say } from '../checkpoint/plan.ts';
import { snapshotOutcome, snapshotStep } from '../checkpoint/volume-snapshot.ts';
import { keepingOf } from '../rewind/present.ts';
import { isWanted, requestOf } from '../rewind/request.ts';
import type { Action } from './actions.ts';
import type { Decision } from './decision.ts';
import { run } from './run.ts';
import { isParked, outdated, type Situation } from './situation.ts';

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
  const { records } = situation.runtime;
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

  const rewind = status.rewind?.phase === 'Preparing' && status.rewind.checkpoint === checkpointing.name;
  const request = requestOf(situation);
  if (rewind && !isWanted(request)) return turnBack(situation);
  const trigger = rewind ? 'BeforeRewind' : upgrade ? 'BeforeUpgrade' : 'Idle';

  // Somebody needs the workspace. (A replacement of the pod serves attached people too, and what is written after a rewind
  // was asked for is meant for the workspace as it is then: both go on.)
  const messageCame = situation.runPolicy !== 'Suspended' && situation.pending.length > 0;
  if (!rewind && (messageCame || (wanted && !upgrade))) return turnBack(situation);

  // A connection that is new has not told of them: an answer that there is must be in the cluster before the workspace goes back.
  const untold = rewind ? situation.open.filter(({ metadata }) => !records.has(metadata.uid ?? '')) : [];
  if (untold.length > 0)
    return {
      ...waiting,
      after: untold.map(({ metadata }) => [
        { do: 'deliver', message: metadata.name, uid: metadata.uid ?? '' },
      ]),
    };

  if (taken?.sequence !== sequence) {
    if (memory.checkpointRefused?.sequence === sequence) return turnBack(situation);
    if (agent.lastSequence >= sequence)
      return failed('CheckpointFailed', `The agent restarted while it took checkpoint ${sequence}.`);
    const open = situation.open.some((each) => !isParked(each, situation));
    if (agent.busy || open || effective === undefined) return turnBack(situation);
    return {
      ...waiting,
      after: [[{ do: 'requestCheckpoint', sequence, trigger, hold: true }]],
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
  // A rewind may be tried again under its name: each try has a snapshot of its own.
  const snapshotName = checkpointName(situation.name.name, sequence);
  const keeping = rewind ? keepingOf(situation) : undefined;
  const keptByArchive = keeping === 'Bucket' || keeping === 'Volume';
  const step =
    recorded || keptByArchive ? ({ is: 'none' } as const) : snapshotStep(situation, snapshotName, expires);
  const notKept = !recorded && !keptByArchive && (step.is === 'none' || step.is === 'failed');
  if (rewind && request !== undefined && notKept) {
    const why = step.is === 'failed' ? step.message : 'no VolumeSnapshot and no archive is taken.';
    const message = `The present cannot be kept: ${why} The workspace goes on as it was.`;
    return turnBack(situation, undefined, say(request, 'Failed', 'RewindRefused', message));
  }
  if (step.is === 'missing')
    return { ...waiting, after: [[{ do: 'createVolumeSnapshot', snapshot: step.snapshot }]] };
  if (step.is === 'waited for')
    return {
      ...waiting,
      asleep: { reason: 'Checkpointing', message: `VolumeSnapshot ${snapshotName} is being taken.` },
      deadlines: [step.until],
    };
  const record: Action = {
    do: 'recordCheckpoint',
    name,
    asked: rewind,
    trigger,
    state: taken,
    snapshot: snapshotOutcome(step),
    // One that is replaced or rewound at once does not sleep, unless its present is archived for the rewind.
    archive: keptByArchive || (workspace.spec.checkpoint.archive === true && !upgrade && !rewind),
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
function turnBack(situation: Situation, problem?: CheckpointProblem, first: Action[] = []): Decision {
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
  const changes = {
    ...stays.changes,
    checkpointing: undefined,
    // What asked for a rewind still does: it is begun again, unless it was refused.
    ...(situation.status.rewind?.phase === 'Preparing' && stays.changes?.rewind === undefined
      ? { rewind: undefined }
      : {}),
  };
  if (problem === undefined) return { ...stays, changes, before: [first, ...(stays.before ?? [])] };
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
