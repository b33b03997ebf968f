import type { AgentCheckpoint, AgentWorkspaceStatus, CheckpointReason } from '@dormouse/crds';
import { isWaiting, oldestFirst, postpone, say } from '../checkpoint/plan.ts';
import type { Action } from '../workspace/actions.ts';
import type { Decision } from '../workspace/decision.ts';
import { instant } from '../workspace/instant.ts';
import { quantityValue } from '../workspace/quantity.ts';
import type { Situation } from '../workspace/situation.ts';
import { filesOf } from './files.ts';
import { isUnderWay, leftoverClaimOf } from './needs.ts';
import { keepingOf } from './present.ts';

type Rewind = NonNullable<AgentWorkspaceStatus['rewind']>;

/** The rewind that somebody asked for and that comes next. */
export type NextRewind =
  | { is: 'none' }
  | { is: 'waits' | 'refused'; request: AgentCheckpoint; reason: CheckpointReason; message: string }
  | { is: 'ready'; request: AgentCheckpoint; to: Rewind['to'] };

/** AgentCheckpoints that ask for a rewind and wait for the operator, oldest first. */
function requests({ checkpoints }: Situation): AgentCheckpoint[] {
  return oldestFirst(checkpoints.filter((each) => isWaiting(each) && each.spec.rewindTo !== undefined));
}

/** What comes of the oldest request: it is refused before anything is held, or what it needs is there. */
export function nextRewind(situation: Situation): NextRewind {
  const { workspace, checkpoints, effective, leftover, status } = situation;
  const [request] = requests(situation);
  const wanted = request?.spec.rewindTo?.name;
  if (request === undefined || wanted === undefined) return { is: 'none' };
  const { name } = workspace.metadata;
  const refused = (message: string) =>
    ({ is: 'refused', request, reason: 'RewindRefused', message: `${message} ${untouched}` }) as const;
  const waits = (reason: CheckpointReason, message: string) =>
    ({ is: 'waits', request, reason, message }) as const;

  const {
    phase = 'Pending',
    sequence,
    digest,
    volumeSnapshot,
    archive,
  } = checkpoints.find(({ metadata }) => metadata.name === wanted && metadata.deletionTimestamp === undefined)
    ?.status ?? {};
  const there = checkpoints.some(({ metadata }) => metadata.name === wanted);
  if (!there || wanted === request.metadata.name)
    return refused(`AgentWorkspace ${name} has no AgentCheckpoint ${wanted}. Name another one.`);
  const keeping = keepingOf(situation);
  if (keeping === undefined && workspace.spec.checkpoint.volumeSnapshotClassName !== undefined)
    return refused(
      'The cluster has no VolumeSnapshots. Install a snapshot controller and its definitions, or set spec.archive of the class, then ask again.',
    );
  if (keeping === undefined)
    return refused(
      `AgentWorkspace ${name} names no class for VolumeSnapshots, and its own class no place for archives, so its present could not be kept: set spec.checkpoint.volumeSnapshotClassName, or spec.archive of the class, then ask again.`,
    );
  if (phase === 'Failed') return refused(`AgentCheckpoint ${wanted} failed. Name another one.`);
  if (phase !== 'Completed' || sequence === undefined || digest === undefined)
    return waits('TargetNotReady', `AgentCheckpoint ${wanted} is not complete yet.`);
  const files = filesOf(situation, wanted, { volumeSnapshot, archive }, keeping);
  if ('refused' in files) return refused(files.refused);
  if ('waits' in files) return waits('TargetNotReady', files.waits);
  const size = effective?.storageSize;
  if (size !== undefined && quantityValue(size) < files.least)
    return refused(
      `A volume of ${size} is too small, the files of AgentCheckpoint ${wanted} take one of ${files.written}. Raise spec.storage.size, then ask again.`,
    );
  const another = status.rewind?.uid !== request.metadata.uid;
  if (another && (status.rewind?.phase === 'Restoring' || status.rewind?.phase === 'Returning'))
    return waits(
      'RewindUnderWay',
      `The rewind that AgentCheckpoint ${status.rewind.checkpoint} asked for is not over yet.`,
    );
  // One that is on its way out may stay until the pod ends that was filled from it.
  if (another && leftover !== undefined && leftover.metadata.deletionTimestamp === undefined)
    return waits(
      'RewindUnderWay',
      `PersistentVolumeClaim ${leftoverClaimOf(status)}, which the last rewind left, goes first: when the VolumeSnapshot of AgentCheckpoint ${status.rewind?.checkpoint} is ready to use.`,
    );
  return {
    is: 'ready',
    request,
    to: { checkpoint: wanted, sequence, digest, ...files.from },
  };
}

const untouched = 'Nothing was changed.';

/** The status of a rewind that begins. */
export function begun(
  { now, status }: Situation,
  { request, to }: Extract<NextRewind, { is: 'ready' }>,
): Rewind {
  const { name, uid = '' } = request.metadata;
  const before = status.rewind;
  const startedAt = before?.uid === uid && before.phase === 'Preparing' ? before.startedAt : instant(now);
  return { checkpoint: name, uid, to, phase: 'Preparing', startedAt };
}

/** The AgentCheckpoint of a rewind whose present is being kept; undefined where there is no such rewind, or it is gone. */
export function requestOf({ status, checkpoints }: Situation): AgentCheckpoint | undefined {
  const { rewind } = status;
  if (rewind?.phase !== 'Preparing') return undefined;
  return checkpoints.find(
    ({ metadata }) => metadata.uid === rewind.uid && metadata.deletionTimestamp === undefined,
  );
}

/** Whether a rewind is still wanted: what asked for it is there, and was not refused. */
export function isWanted(request: AgentCheckpoint | undefined): request is AgentCheckpoint {
  return request !== undefined && request.status?.phase !== 'Failed';
}

/**
 * Until when messages wait for a rewind that has begun, and are then for the workspace as it is after it; undefined: they do not. No longer
 * than a checkpoint may take: where work came up meanwhile, or the agent is not heard of, nobody knows when it goes on.
 */
export function messagesWaitUntil(situation: Situation): number | undefined {
  const { status, settings, now } = situation;
  if (status.rewind === undefined || !isWanted(requestOf(situation))) return undefined;
  const until = Date.parse(status.rewind.startedAt) + settings.checkpointTimeout;
  return now < until ? until : undefined;
}

/** What is to be said about AgentCheckpoints that ask for a rewind. */
export function rewindUpdates(situation: Situation, decision: Decision): Action[] {
  const [first, ...others] = requests(situation);
  if (first === undefined) return [];
  const queue = postpone(others, 'RewindUnderWay', `${first.metadata.name} comes first.`);
  const next = nextRewind(situation);
  if (next.is === 'refused') return [...say(first, 'Failed', next.reason, next.message), ...queue];
  if (next.is === 'waits') return [...say(first, 'Pending', next.reason, next.message), ...queue];
  const begins = decision.changes?.rewind !== undefined;
  if (begins || isUnderWay(situation.status.rewind)) return queue;
  return [...waitsFor(first, decision), ...queue];
}

function waitsFor(request: AgentCheckpoint, { phase, ready, asleep }: Decision): Action[] {
  switch (phase) {
    case 'Starting':
      return say(request, 'Pending', 'WorkspaceWaking', 'The workspace is waking up.');
    case 'Running':
      return say(request, 'Pending', 'Busy', asleep.message ?? 'The workspace is at work.');
    case 'Failed':
      return say(
        request,
        'Pending',
        'WorkspaceFailed',
        `The workspace cannot run: ${ready.message ?? ready.reason}`,
      );
    default:
      return [];
  }
}
