import { milliseconds } from '@dormouse/crds';
import type { Action } from '../workspace/actions.ts';
import { suspended } from '../workspace/asleep.ts';
import type { Decision } from '../workspace/decision.ts';
import { instant } from '../workspace/instant.ts';
import { run } from '../workspace/run.ts';
import type { Situation } from '../workspace/situation.ts';
import { leaving, start, starting } from '../workspace/start.ts';

/** Milliseconds in which the agent must have answered from the restored volume; else the one from before is in force again. */
export const restoreLimit = 15 * 60_000;

/** An archive gets as long as one may take to be made. */
function limitOf({ status, effective }: Situation): number {
  const timeout = effective?.class.spec.archive?.timeout;
  return restoreLimit + (status.rewind?.to.archive && timeout ? milliseconds(timeout) : 0);
}

/** What of the storage no waiting mends, such as a quota that allows one claim. */
const refusals: readonly string[] = ['ClaimRefused', 'ClaimConflict', 'ProvisioningFailed'];

/**
 * A rewind past the point where another claim is in force. It ends in one of two states: the agent said that it goes on from the
 * checkpoint, and the restored claim stays; or it could not, and the claim from before is in force again, as it was left.
 */
export function rewinding(situation: Situation): Decision {
  const { podState, status, now, agent } = situation;
  const { rewind } = status;
  if (rewind?.phase === 'Returning') return returning(situation);
  const since = Date.parse(status.startedAt ?? rewind?.startedAt ?? '');
  const limit = limitOf(situation);
  const late = now - since >= limit;
  if (podState === 'alive' && agent !== undefined) return answered(situation);

  const decision =
    podState === 'absent'
      ? start(situation)
      : podState === 'going' || podState === 'ended'
        ? leaving(situation)
        : starting(situation);
  const storage = decision.findings?.find(({ type }) => type === 'StorageReady');
  const hopeless =
    (storage !== undefined && refusals.includes(storage.reason)) ||
    (podState === 'alive' && decision.phase === 'Failed');
  if (hopeless || late)
    return turnAround(
      situation,
      hopeless ? (decision.ready.message ?? decision.ready.reason) : 'its agent did not answer in time.',
    );
  return {
    ...decision,
    // The clock of the limit must not begin anew with each pod.
    changes: { ...decision.changes, startedAt: status.startedAt },
    ...(decision.phase === 'Starting'
      ? {
          ready: {
            reason: 'Rewinding' as const,
            message: `Going back to checkpoint ${rewind?.to.checkpoint}: ${decision.ready.message ?? 'its volume is being made.'}`,
          },
        }
      : {}),
    deadlines: [...(decision.deadlines ?? []), since + limit],
  };
}

/** The agent runs on the restored volume: it must say that it went back, and show the manifest. */
function answered(situation: Situation): Decision {
  const { status, agent, memory, now, ownPod } = situation;
  const { rewind } = status;
  if (rewind === undefined || agent === undefined) return run(situation);
  const { checkpoint: name, sequence, digest } = rewind.to;
  if (agent.rewound?.id !== rewind.uid)
    return turnAround(
      situation,
      'its agent is older than rewinds: upgrade spec.images of the class, then ask again.',
    );
  if (memory.verified?.sequence !== sequence || memory.verified.digest !== digest)
    return {
      phase: 'Starting',
      ready: { reason: 'Rewinding', message: `Verifying checkpoint ${name}.` },
      asleep: { reason: 'Starting' },
      after: [[{ do: 'verifyCheckpoint', sequence, digest }]],
    };
  if (memory.verified.problem !== undefined) return turnAround(situation, memory.verified.problem);
  const decision = run(situation);
  return {
    ...decision,
    // The next look decides with what is written now.
    phase: 'Running',
    ready: { reason: 'Running' },
    asleep: { reason: 'IdleTooShort' },
    changes: {
      podUID: ownPod?.metadata.uid,
      checkpointing: undefined,
      suspendedSince: undefined,
      idleSince: undefined,
      checkpoint: { sequence, name, digest, completedAt: instant(now) },
      rewind: { ...rewind, phase: 'Completed', completedAt: instant(now) },
    },
    before: [
      [
        {
          do: 'event',
          note: {
            type: 'Normal',
            reason: 'Rewound',
            message: `Rewound to checkpoint ${name}. The way back is ${rewind.checkpoint}.`,
          },
        },
      ],
    ],
    after: [],
    deadlines: [now + 1],
  };
}

/** The volume cannot be used. The status says so first: a pod that still runs on it is never taken for that of the other claim. */
function turnAround(situation: Situation, why: string): Decision {
  const { status } = situation;
  const { rewind } = status;
  const message = `Could not go back to checkpoint ${rewind?.to.checkpoint}: ${why}`.slice(0, 4000);
  return {
    phase: 'Starting',
    ready: { reason: 'Rewinding', message },
    asleep: { reason: 'Starting' },
    changes: rewind === undefined ? {} : { rewind: { ...rewind, phase: 'Returning', message } },
  };
}

function returning(situation: Situation): Decision {
  const { podState, ownPod, status, workspace, now, expected } = situation;
  const { rewind } = status;
  const message = rewind?.message ?? 'The rewind failed.';
  const waiting: Decision = {
    phase: 'Starting',
    ready: { reason: 'Rewinding', message },
    asleep: { reason: 'Starting' },
  };
  const uid = podState === 'expected' ? expected.pod?.uid : ownPod?.metadata.uid;
  switch (podState) {
    case 'alive':
    case 'expected':
    case 'ended': {
      const removal: Action[] = uid === undefined ? [] : [{ do: 'deletePod', uid }];
      return { ...waiting, after: [removal], deadlines: [now + 1_000] };
    }
    case 'going':
      return { ...leaving(situation), ready: { reason: 'Rewinding', message } };
    case 'absent':
  }
  const resting = suspended(situation);
  const before = rewind?.previousClaim;
  return {
    ...resting,
    changes: {
      ...resting.changes,
      suspendedSince: instant(now),
      claimName: before === workspace.metadata.name ? undefined : before,
      ...(rewind === undefined
        ? {}
        : { rewind: { ...rewind, phase: 'Failed', completedAt: instant(now), message } }),
    },
    before: [
      [{ do: 'confirmPodGone' }],
      [
        {
          do: 'event',
          note: {
            type: 'Warning',
            reason: 'RewindFailed',
            message: `${message} The workspace is as it was before.`,
          },
        },
      ],
    ],
  };
}
