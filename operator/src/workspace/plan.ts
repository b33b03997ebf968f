import {
  type AgentWorkspaceStatus,
  type MessageReason,
  milliseconds,
  workspaceFinalizer,
} from '@dormouse/crds';
import { planArchive } from '../checkpoint/archive.ts';
import { answerAsleep, postpone, prune, requested } from '../checkpoint/plan.ts';
import { snapshotUpkeep } from '../checkpoint/volume-snapshot.ts';
import { expire, failed, statusFromRecord, waiting, writeMessage } from '../message/plan.ts';
import { removeLeftover } from '../rewind/leftover.ts';
import { isUnderWay } from '../rewind/needs.ts';
import { rewindAsleep } from '../rewind/prepare.ts';
import { isWanted, requestOf, rewindUpdates } from '../rewind/request.ts';
import { rewinding } from '../rewind/restore.ts';
import type { Action, Plan } from './actions.ts';
import { approvalsOf } from './approvals.ts';
import { withoutPod } from './asleep.ts';
import { conditionsAfter } from './conditions.ts';
import type { Decision } from './decision.ts';
import { diagnosePod } from './diagnosis.ts';
import { sameValue } from './equality.ts';
import { millisecondsAt } from './instant.ts';
import { run } from './run.ts';
import { isPending, isTerminal, type Situation, situationOf } from './situation.ts';
import { fallAsleep } from './sleep.ts';
import type { Snapshot } from './snapshot.ts';
import { leaving, starting } from './start.ts';
import { planTermination, planWithoutWorkspace } from './terminate.ts';

/** Milliseconds for which changes of the status that no transition needs are gathered into one write. */
const gather = 1_000;

/** Milliseconds after the first pod was created, for which what becomes of it is waited for: a scheduler needs 20 to 100. */
const gatherFirst = 300;

/**
 * What to do about one workspace: the only place where the operator decides. Pure: the same snapshot gives the same
 * plan. Every plan is safe to be cut off after any step and to be made again from an older view of the cluster.
 */
export function plan(snapshot: Snapshot): Plan {
  const { workspace } = snapshot;
  if (workspace === undefined) return planWithoutWorkspace(snapshot);
  if (workspace.metadata.deletionTimestamp !== undefined) return planTermination(snapshot, workspace);

  const situation = situationOf(snapshot, workspace);
  const expired = suspendedTooLong(situation);
  if (expired === true)
    return { steps: [[{ do: 'deleteWorkspace' }]], connectTo: undefined, deadline: undefined };

  const decision = decide(situation);
  const status = nextStatus(situation, decision);
  const write = statusWrite(situation, status, decision.unhurried ?? false);
  const { actions: expiring, deadline: nextExpiry } = expire(snapshot.messages, snapshot.now);
  // The claim that a rewind puts in place, or takes away again, is not one to archive.
  const { phase: rewound } = situation.status.rewind ?? {};
  const changesClaim = rewound === 'Restoring' || rewound === 'Returning';
  const archive = planArchive(situation, changesClaim ? 'Starting' : decision.phase);
  const upkeep: Action[] = [
    ...messageUpdates(situation, decision),
    ...checkpointUpdates(situation, decision),
    ...rewindUpdates(situation, decision),
    ...expiring,
    ...prune(situation),
    ...snapshotUpkeep(situation),
    ...removeLeftover(situation),
    ...archive.writes,
  ];

  const steps: Action[][] = [
    workspace.metadata.finalizers?.includes(workspaceFinalizer) ? [] : [{ do: 'addFinalizer' }],
    // Before a pod goes, all that its agent said is in the cluster.
    upkeep,
    archive.before,
    ...(decision.before ?? []),
    write.now === undefined ? [] : [write.now],
    ...(decision.after ?? []),
    ...archive.after,
  ];
  const deadlines = [
    ...(decision.deadlines ?? []),
    write.later,
    archive.deadline,
    nextExpiry,
    expired === false ? undefined : expired,
  ];
  const pod = situation.podState === 'alive' ? situation.ownPod : undefined;
  const ip = pod?.status?.podIP;
  return {
    steps: steps.filter((each) => each.length > 0),
    connectTo:
      pod?.metadata.uid !== undefined && ip !== undefined && ip !== ''
        ? { podUID: pod.metadata.uid, podName: pod.metadata.name, ip }
        : undefined,
    deadline: deadlines.reduce<number | undefined>(
      (least, each) => (each === undefined ? least : Math.min(least ?? each, each)),
      undefined,
    ),
  };
}

/** The state machine. */
function decide(situation: Situation): Decision {
  const { rewind } = situation.status;
  if (rewind?.phase === 'Restoring' || rewind?.phase === 'Returning') return rewinding(situation);
  switch (situation.podState) {
    case 'absent':
      return rewindAsleep(situation) ?? withoutPod(situation);
    case 'expected':
      return starting(situation);
    case 'going':
    case 'ended':
      return leaving(situation);
    case 'alive':
  }
  if (situation.status.phase === 'Checkpointing') return fallAsleep(situation);
  if (toolsBlocked(situation)) return starting(situation);
  if (situation.agent !== undefined || situation.status.phase === 'Running') return run(situation);
  return starting(situation);
}

/** The agent answers, but the other container of its pod does not come up without a person. */
function toolsBlocked({ agent, ownPod, effective, status }: Situation): boolean {
  if (agent === undefined || agent.tools === 'ready' || ownPod === undefined) return false;
  return diagnosePod(ownPod, effective?.class.metadata.name ?? status.className ?? '').blocked;
}

/** When a sleeping workspace is to be deleted; `true`: now; `false`: never. */
function suspendedTooLong({ status, workspace, now, wanted }: Situation): number | boolean {
  const ttl = workspace.spec.ttlAfterSuspended;
  const since = millisecondsAt(status.suspendedSince);
  if (ttl === undefined || since === undefined || status.phase !== 'Suspended' || wanted) return false;
  if (isUnderWay(status.rewind)) return false;
  const due = since + milliseconds(ttl);
  return due <= now ? true : due;
}

function nextStatus(situation: Situation, decision: Decision): AgentWorkspaceStatus {
  const { workspace, status, effective, pending, open, now } = situation;
  const generation = workspace.metadata.generation ?? 1;
  const next = {
    ...status,
    ...abandoned(situation),
    ...decision.changes,
    phase: decision.phase,
    observedGeneration: generation,
    messages: { pending: pending.length, working: open.length },
    // While nobody can be asked, what was asked last is still asked.
    approvals: situation.agent === undefined ? status.approvals : approvalsOf(situation.agent),
    className: effective?.class.metadata.name ?? status.className,
    conditions: conditionsAfter(
      status.conditions ?? [],
      [
        { type: 'Ready', ...decision.ready },
        { type: 'Asleep', ...decision.asleep },
        ...(decision.findings ?? []),
      ],
      generation,
      now,
    ),
  };
  return Object.fromEntries(
    Object.entries(next).filter(([, value]) => value !== undefined),
  ) as AgentWorkspaceStatus;
}

/** A rewind that was about to begin, and that nobody asks for any more. */
function abandoned(situation: Situation): Partial<Record<'rewind', undefined>> {
  if (situation.status.rewind?.phase !== 'Preparing') return {};
  return isWanted(requestOf(situation)) ? {} : { rewind: undefined };
}

/**
 * The write of the status: now where something of weight changed, later where only details did, else never. Of a workspace
 * whose pod has just been created the first one waits, so that it says what became of the pod: one write less for each
 * workspace, of seven that the API server has to carry out.
 */
function statusWrite(
  { status, memory, now }: Situation,
  next: AgentWorkspaceStatus,
  unhurried: boolean,
): { now: Action | undefined; later: number | undefined } {
  const gathered = (due: number) =>
    due <= now
      ? { now: { do: 'writeStatus', status: next } as const, later: undefined }
      : { now: undefined, later: due };
  if (!sameValue(essence(status), essence(next))) {
    const due = memory.podCreatedAt === undefined ? now + gatherFirst : memory.podCreatedAt + gatherFirst;
    return gathered(unhurried ? due : now);
  }
  if (sameValue(details(status), details(next))) return { now: undefined, later: undefined };
  return gathered(memory.statusWrittenAt + gather);
}

/** What transitions are made of. */
function essence(status: AgentWorkspaceStatus): unknown {
  const { phase, observedGeneration, podUID, checkpointing, checkpoint, suspendedSince, conditions } = status;
  const { rewind } = status;
  return {
    phase,
    // Somebody may wait for a question to answer it.
    approvals: status.approvals,
    observedGeneration,
    podUID,
    checkpointing,
    checkpoint,
    suspendedSince,
    rewind,
    ready: conditions?.find((each) => each.type === 'Ready')?.reason,
  };
}

/** Everything but what moves by itself. */
function details(status: AgentWorkspaceStatus): unknown {
  return {
    ...status,
    conditions: (status.conditions ?? [])
      .map(({ type, reason, message }) => ({ type, reason, message }))
      .sort((a, b) => (a.type < b.type ? -1 : 1)),
  };
}

/** What is to be said about messages, from what agentd answered or from why it cannot be asked. */
function messageUpdates(situation: Situation, decision: Decision): Action[] {
  const { messages, runtime, memory, now, runPolicy, name } = situation;
  const actions: Action[] = [];
  const to = decision.changes?.rewind?.phase === 'Completed' ? decision.changes.rewind.to : undefined;
  const rewound =
    to &&
    `AgentWorkspace ${name.name} was rewound to checkpoint ${to.checkpoint} before an answer was known. Send the message again if it still matters.`;
  for (const each of messages) {
    if (isTerminal(each) || each.metadata.deletionTimestamp !== undefined) continue;
    const uid = each.metadata.uid ?? '';
    // It may have begun after that moment, and must not be worked on twice.
    if (rewound !== undefined && !isPending(each)) {
      actions.push(...writeMessage(each, failed(each, 'WorkspaceRewound', rewound, now)));
      continue;
    }
    const record = runtime.records.get(uid);
    if (record !== undefined) {
      actions.push(...writeMessage(each, statusFromRecord(each, record, now)));
      continue;
    }
    const refused = memory.refusedMessages.get(uid);
    if (refused !== undefined) {
      actions.push(...writeMessage(each, failed(each, 'MessageRefused', refused, now)));
      continue;
    }
    const why = isPending(each) ? waitsFor(decision, memory.deliverProblem, runPolicy, name.name) : undefined;
    if (why !== undefined && each.status?.reason !== why[0])
      actions.push(...writeMessage(each, waiting(each, ...why)));
  }
  return actions;
}

/** Only what lasts is written: a wake takes a second, and each write wakes everyone who watches messages. */
function waitsFor(
  { phase, ready }: Decision,
  deliverProblem: string | undefined,
  runPolicy: Situation['runPolicy'],
  workspace: string,
): [MessageReason, string] | undefined {
  if (phase === 'Failed')
    return ['WorkspaceFailed', `AgentWorkspace ${workspace} cannot run: ${ready.message ?? ready.reason}`];
  if (runPolicy === 'Suspended')
    return [
      'WorkspaceAsleep',
      `spec.runPolicy of AgentWorkspace ${workspace} is Suspended: nothing wakes it.`,
    ];
  return deliverProblem === undefined ? undefined : ['AgentRefused', deliverProblem];
}

/** What is to be said about AgentCheckpoints that people made, where the agent cannot be asked. */
function checkpointUpdates(situation: Situation, { phase, ready, changes }: Decision): Action[] {
  const waitingOnes = requested(situation.checkpoints).filter(
    (each) => each.metadata.name !== situation.status.checkpointing?.name,
  );
  if (waitingOnes.length === 0) return [];
  switch (phase) {
    case 'Suspended':
    case 'Pending': {
      // Of one that has just fallen asleep the status is yet to say with which.
      const newest = changes?.checkpoint ?? situation.status.checkpoint;
      const { checkpoint: _before, ...status } = situation.status;
      return answerAsleep({
        ...situation,
        status: newest === undefined ? status : { ...status, checkpoint: newest },
      });
    }
    case 'Failed':
      return postpone(
        waitingOnes,
        'WorkspaceFailed',
        `The workspace cannot run: ${ready.message ?? ready.reason}`,
      );
    case 'Starting':
      return postpone(
        waitingOnes.filter(({ spec, status }) => spec.archive !== true && status?.phase !== 'InProgress'),
        'WorkspaceWaking',
        'The workspace is waking up.',
      );
    default:
      return [];
  }
}
