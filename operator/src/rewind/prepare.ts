import type { AgentCheckpoint, AgentCheckpointStatus } from '@dormouse/crds';
import { say } from '../checkpoint/plan.ts';
import { presentAsleep } from '../checkpoint/present.ts';
import { suspended } from '../workspace/asleep.ts';
import { claimNameOf } from '../workspace/claim.ts';
import type { Decision } from '../workspace/decision.ts';
import { instant } from '../workspace/instant.ts';
import type { Situation } from '../workspace/situation.ts';
import { keepingOf } from './present.ts';
import { begun, nextRewind, requestOf } from './request.ts';

/**
 * There is no pod: the moment to keep the present of a workspace that sleeps, and to go back where that is done. Undefined where
 * no rewind has a say.
 */
export function rewindAsleep(situation: Situation): Decision | undefined {
  const { status, asleep, now, settings } = situation;
  const request = requestOf(situation);
  const kept = request?.status;
  if (request !== undefined && kept?.phase === 'Completed') {
    const slept = status.phase === 'Checkpointing' && status.checkpointing?.sequence === kept.sequence;
    if (slept || asleep) {
      const archive = kept.archive?.phase;
      if (archive === 'Failed') return notKept(situation, kept.archive?.message);
      return archive === undefined || archive === 'Completed'
        ? goBack(situation, request, kept, slept)
        : archiving(situation, request, kept, slept);
    }
  }
  if (!asleep) return undefined;
  const next = nextRewind(situation);
  if (next.is !== 'ready') return undefined;
  const rewind = begun(situation, next);
  const resting = suspended(situation);
  const waiting: Decision = { ...resting, changes: { ...resting.changes, rewind } };
  if (status.rewind?.uid !== rewind.uid || status.rewind.phase !== 'Preparing') return waiting;

  // Nothing was written to the volume since the newest checkpoint: that is the present.
  const newest = status.checkpoint;
  const refuse = (message: string): Decision => ({
    ...resting,
    changes: { ...resting.changes, rewind: undefined },
    before: [say(next.request, 'Failed', 'RewindRefused', message)],
  });
  if (newest === undefined) return refuse('The workspace never slept: there is nothing to keep.');
  const expires = Date.parse(rewind.startedAt) + settings.checkpointTimeout;
  const { values, step, archive } = presentAsleep(situation, newest, expires);
  const { name } = next.request.metadata;
  const keeping = keepingOf(situation);
  if (keeping === 'Bucket' || keeping === 'Volume') {
    const there = archive?.phase === 'Completed' && (archive.place ?? 'Bucket') === keeping;
    const wanted = there ? archive : ({ phase: 'Pending', reason: 'Queued' } as const);
    return {
      ...waiting,
      before: [[{ do: 'writeCheckpoint', name, status: { ...values, archive: wanted } }]],
    };
  }
  switch (step.is) {
    case 'missing':
      return { ...waiting, after: [[{ do: 'createVolumeSnapshot', snapshot: step.snapshot }]] };
    case 'waited for':
      return { ...waiting, deadlines: [step.until, now + 1_000] };
    case 'cut':
      return {
        ...waiting,
        before: [
          [{ do: 'writeCheckpoint', name, status: { ...values, volumeSnapshot: step.volumeSnapshot } }],
        ],
      };
    case 'failed':
      return refuse(`The present cannot be kept: ${step.message} ${asWas}`);
    case 'none':
      return refuse(`The present cannot be kept: no VolumeSnapshot is taken. ${asWas}`);
  }
}

const asWas = 'Nothing was changed.';

/** The workspace sleeps, and its present is being archived: whoever wants it awake waits until that is done. */
function archiving(
  situation: Situation,
  request: AgentCheckpoint,
  kept: AgentCheckpointStatus,
  slept: boolean,
): Decision {
  const resting = suspended(situation);
  return {
    ...resting,
    changes: { ...resting.changes, ...(slept ? sleptWith(situation, request, kept) : {}) },
  };
}

/** What the status says of a sleep that began with the rewind. */
function sleptWith(
  { now }: Situation,
  request: AgentCheckpoint,
  { sequence, digest, completedAt }: AgentCheckpointStatus,
): Decision['changes'] {
  if (sequence === undefined || digest === undefined) return {};
  const { name } = request.metadata;
  return {
    checkpoint: { sequence, name, digest, completedAt: completedAt ?? instant(now) },
    checkpointing: undefined,
    suspendedSince: instant(now),
  };
}

/** Without a way back nothing is changed. */
function notKept(situation: Situation, why = 'no more is known'): Decision {
  const { status, now } = situation;
  const { rewind } = status;
  const resting = suspended(situation);
  const message = `The present cannot be kept: ${why} ${asWas}`.slice(0, 4000);
  return {
    ...resting,
    changes: {
      ...resting.changes,
      ...(rewind === undefined
        ? {}
        : { rewind: { ...rewind, phase: 'Failed', completedAt: instant(now), message } }),
    },
    before: [[{ do: 'event', note: { type: 'Warning', reason: 'RewindFailed', message } }]],
  };
}

/** The present is kept, with its files: from here on another claim is in force. */
function goBack(
  situation: Situation,
  request: AgentCheckpoint,
  kept: AgentCheckpointStatus,
  slept: boolean,
): Decision | undefined {
  const { status, workspace, now } = situation;
  const { rewind } = status;
  const { sequence, digest } = kept;
  if (rewind === undefined || sequence === undefined || digest === undefined) return undefined;
  const claim = claimOf(workspace.metadata.name, rewind.uid);
  return {
    phase: 'Starting',
    ready: { reason: 'Rewinding', message: `Going back to checkpoint ${rewind.to.checkpoint}.` },
    asleep: { reason: 'Starting' },
    findings: [{ type: 'PodRunning', reason: 'Starting' }],
    changes: {
      rewind: {
        ...rewind,
        phase: 'Restoring',
        sequence,
        claim,
        previousClaim: claimNameOf(workspace),
      },
      claimName: claim,
      ...(slept ? sleptWith(situation, request, kept) : {}),
      checkpointing: undefined,
      podUID: undefined,
      idleSince: undefined,
      suspendedSince: undefined,
      startedAt: instant(now),
    },
    before: [[{ do: 'confirmPodGone' }]],
  };
}

/** A name that no claim of the workspace had before: of this rewind alone. */
function claimOf(workspace: string, uid: string): string {
  return `${workspace}-${uid.replace(/[^a-z0-9]/g, '').slice(0, 10)}`;
}
