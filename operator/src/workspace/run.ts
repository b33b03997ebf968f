import { wantsArchive } from '../checkpoint/archive.ts';
import { isHeldByHand, type ManualStep, planManual } from '../checkpoint/manual.ts';
import { checkpointName } from '../checkpoint/name.ts';
import { nextSequence } from '../checkpoint/plan.ts';
import { scheduled } from '../checkpoint/schedule.ts';
import { snapshotFinding } from '../checkpoint/volume-snapshot.ts';
import { begun, messagesWaitUntil, nextRewind, requestOf } from '../rewind/request.ts';
import type { Action } from './actions.ts';
import { claimNameOf, growth } from './claim.ts';
import type { Finding } from './conditions.ts';
import { conditionOf } from './conditions.ts';
import type { Decision } from './decision.ts';
import { diagnoseClaim, diagnosePod } from './diagnosis.ts';
import { instant, millisecondsAt } from './instant.ts';
import { modelProblem } from './model-problem.ts';
import { pluginsFinding } from './plugins-loaded.ts';
import { restoredFinding } from './restored.ts';
import { hadFiles, isParked, outdated, quietSince, type Situation, wantedConfig } from './situation.ts';
import { classFinding } from './start.ts';

/** Milliseconds of silence after which the agent of a running pod is said to be unreachable. */
const silence = 3_000;

/** Milliseconds before a scheduled prompt within which a workspace does not fall asleep any more. */
const wakeLead = 10_000;

/** The agent answers: deliver, configure, take checkpoints that were asked for, and sleep when both signals agree. */
export function run(situation: Situation): Decision {
  const { status, ownPod, agent, now, effective, claim, memory } = situation;
  if (agent === undefined || ownPod === undefined) return unreachable(situation);
  const uid = ownPod.metadata.uid ?? '';
  const woke = status.phase !== 'Running' && status.phase !== 'Checkpointing';
  const startedAt = millisecondsAt(status.startedAt);

  const before: Action[][] = [];
  const after: Action[][] = [];
  // A hold that nobody wants any more: a cancel that got lost, or a crash between the status and the release.
  const held = agent.checkpoint;
  const byHand = isHeldByHand(situation);
  if (held?.hold === true && (held.phase === 'InProgress' || held.phase === 'Completed') && !byHand)
    after.push([{ do: 'cancelCheckpoint', sequence: held.sequence }]);
  // Before messages: who changed what the agent may do and then sent one means it to be worked on so.
  const { actions: updates, findings } = upToDate(situation);
  if (updates.length > 0) after.push(updates);
  // The agent would refuse them, and a snapshot takes a moment.
  const waitUntil = messagesWaitUntil(situation);
  const deliveries = byHand ? [] : deliver(situation, waitUntil !== undefined);
  if (deliveries.length > 0) after.push(...deliveries.map((each) => [each]));

  if (claim !== undefined && effective !== undefined) {
    const size = growth(claim, effective.storageSize);
    if (size !== undefined && claim.status?.phase === 'Bound' && memory.growthRefused?.reason !== size)
      after.push([{ do: 'growClaim', uid: claim.metadata.uid ?? '', size }]);
  }
  const settled = after.length === 0;
  const manual: ManualStep = settled ? planManual(situation) : { writes: [], ask: [], underWay: true };
  if (manual.confirm !== undefined) before.push([manual.confirm]);
  if (manual.writes.length > 0) before.push(manual.writes);
  if (manual.ask.length > 0) after.push(manual.ask);
  const { verified, underWay } = manual;

  const schedule = scheduled(situation);
  const base: Decision = {
    phase: 'Running',
    ready:
      agent.tools === 'ready'
        ? { reason: 'Running' }
        : {
            reason: 'ToolsUnavailable',
            message: `The container workspace of pod ${ownPod.metadata.name} does not answer the agent. Look at: kubectl logs ${ownPod.metadata.name} -c workspace`,
          },
    asleep: { reason: 'Demand' },
    findings: [...running(situation), ...findings, ...schedule.findings],
    changes: {
      podUID: uid,
      agentImage: runsImage(situation),
      ...schedule.changes,
      checkpointing: undefined,
      suspendedSince: undefined,
      nextWakeAt: agent.nextWakeAt && instant(Date.parse(agent.nextWakeAt)),
      ...(status.startedAt === undefined ? { startedAt: instant(now) } : {}),
      ...overtaken(situation),
      ...restored(status),
      ...(verified !== undefined && verified.sequence > (status.checkpoint?.sequence ?? 0)
        ? { checkpoint: verified }
        : {}),
    },
    before: [
      ...before,
      ...(schedule.create.length > 0 ? [schedule.create] : []),
      ...(woke && startedAt !== undefined
        ? [[{ do: 'measure', what: 'wake', seconds: Math.max(0, now - startedAt) / 1000 } as const]]
        : []),
    ],
    after,
  };
  const decision = restOrSleep(situation, base, settled && !underWay && manual.ask.length === 0);
  return {
    ...decision,
    deadlines: [...(decision.deadlines ?? []), manual.until, schedule.until, waitUntil],
  };
}

/** The image of the agent that runs: that of the class, unless the pod is older than that. */
function runsImage(situation: Situation): string | undefined {
  const { status, effective } = situation;
  const older = outdated(situation).includes('images');
  return older ? status.agentImage : (effective?.class.spec.images.agent ?? status.agentImage);
}

/** The present was recorded for a rewind, and then the agent went on all the same: what is kept is no longer the present. */
function overtaken(situation: Situation): Decision['changes'] {
  const { status, now } = situation;
  if (status.rewind === undefined || requestOf(situation)?.status?.phase !== 'Completed') return {};
  const message = `The agent went on after checkpoint ${status.rewind.checkpoint} was taken. Ask for the rewind again.`;
  return { rewind: { ...status.rewind, phase: 'Failed', completedAt: instant(now), message } };
}

/** An agent that answers has its volume: it is not filled again. */
function restored({ forkedFrom }: Situation['status']): Decision['changes'] {
  if (forkedFrom?.archive?.restored !== false) return {};
  return { forkedFrom: { ...forkedFrom, archive: { ...forkedFrom.archive, restored: true } } };
}

/** Messages in order; `held`: none that is new. A message is sent again on every new connection, until agentd has answered for it there. */
function deliver(situation: Situation, held: boolean): Action[] {
  const { runPolicy, pending, open, runtime, memory, now } = situation;
  if (now < memory.deliverNotBefore) return [];
  // Suspended delivers nothing new either; what agentd has is asked for again all the same.
  return (held || runPolicy === 'Suspended' ? open : [...open, ...pending])
    .filter(
      ({ metadata }) =>
        metadata.deletionTimestamp === undefined &&
        !runtime.records.has(metadata.uid ?? '') &&
        !memory.refusedMessages.has(metadata.uid ?? ''),
    )
    .map(({ metadata }) => ({ do: 'deliver', message: metadata.name, uid: metadata.uid ?? '' }));
}

/** What can change without a restart is sent to the agent; what cannot is named. */
function upToDate(situation: Situation): { actions: Action[]; findings: Finding[] } {
  const { agent, memory, workspace, ownPod } = situation;
  const config = wantedConfig(situation);
  const difference = outdated(situation);
  const findings: Finding[] = [];
  const actions: Action[] = [];
  if (config !== undefined && agent !== undefined && agent.configRevision !== config.revision) {
    if (memory.configRejected?.revision === config.revision) {
      const { message } = memory.configRejected;
      return { actions, findings: [{ type: 'UpToDate', reason: 'ConfigRejected', message }] };
    }
    actions.push({ do: 'applySecret', config }, { do: 'pushConfig', config });
  }
  if (difference.length === 0) findings.push({ type: 'UpToDate', reason: 'Current' });
  else if (workspace.spec.updatePolicy === 'Immediate')
    findings.push({
      type: 'UpToDate',
      reason: 'Replacing',
      message: `Pod ${ownPod?.metadata.name} is replaced by way of a checkpoint as soon as the agent is not busy: ${difference.join(', ')} changed.`,
    });
  else
    findings.push({
      type: 'UpToDate',
      reason: 'WaitingForSleep',
      message: `${difference.join(', ')} changed; that takes effect at the next sleep. Set spec.updatePolicy to Immediate to have it at once.`,
    });
  return { actions, findings };
}

/** What the conditions say of a workspace whose agent answers. */
function running(situation: Situation): Finding[] {
  const { agent, ownPod, effective, memory, status } = situation;
  if (agent === undefined || ownPod === undefined) return [];
  const findings: Finding[] = [classFinding(situation), { type: 'PodRunning', reason: 'ContainersRunning' }];
  findings.push(
    agent.storageProblem === undefined
      ? diagnoseClaim(situation, hadFiles(situation), effective?.storageSize).finding
      : {
          type: 'StorageReady',
          reason: 'VolumeFailing',
          message: `The volume of PersistentVolumeClaim ${claimNameOf(situation.workspace)} refuses writes: ${agent.storageProblem.message}. Raise spec.storage.size, or free space.`,
        },
  );
  const model = agent.modelProblem;
  if (model !== undefined)
    findings.push({
      type: 'ModelReachable',
      reason: model.reason,
      message: modelProblem(model, effective?.class, status.className),
    });
  else if (conditionOf(status.conditions, 'ModelReachable')?.status === 'False')
    findings.push({ type: 'ModelReachable', reason: 'Answering' });
  else if (conditionOf(status.conditions, 'ModelReachable') === undefined)
    findings.push({ type: 'ModelReachable', reason: 'NotAsked' });
  if (memory.checkpointProblem !== undefined)
    findings.push({
      type: 'CheckpointVerified',
      reason: memory.checkpointProblem.reason,
      message: memory.checkpointProblem.message,
    });
  else if (conditionOf(status.conditions, 'CheckpointVerified') === undefined)
    findings.push({ type: 'CheckpointVerified', reason: 'NoneYet' });
  findings.push(...pluginsFinding(agent.plugins, status.conditions));
  findings.push(...snapshotFinding(situation));
  if (situation.agent !== undefined) findings.push(restoredFinding(situation, situation.agent.restore));
  return findings;
}

/** No answer means: not idle. The pod is left alone; kubelet restarts what crashed. */
function unreachable(situation: Situation): Decision {
  const { ownPod, effective, runtime, now, status } = situation;
  const findings: Finding[] = [classFinding(situation)];
  const pod = ownPod === undefined ? undefined : diagnosePod(ownPod, effective?.class.metadata.name ?? '');
  if (pod !== undefined) findings.push(pod.finding);
  if (pod?.blocked)
    return {
      phase: 'Failed',
      ready: { reason: 'PodNotRunning', message: pod.finding.message ?? '' },
      asleep: { reason: 'Blocked' },
      findings,
      changes: { idleSince: undefined, checkpointing: undefined },
    };
  const since = runtime.podUID === ownPod?.metadata.uid ? runtime.since : now;
  if (now - since < silence) {
    const ready = conditionOf(status.conditions, 'Ready');
    return {
      phase: status.phase === 'Checkpointing' ? 'Checkpointing' : 'Running',
      ready:
        ready?.status === 'True'
          ? { reason: 'Running' }
          : { reason: status.phase === 'Checkpointing' ? 'Checkpointing' : 'AgentUnreachable' },
      asleep: { reason: status.phase === 'Checkpointing' ? 'Checkpointing' : 'AgentSilent' },
      findings,
      deadlines: [since + silence + 1],
    };
  }
  return {
    phase: 'Running',
    ready: {
      reason: 'AgentUnreachable',
      message: `The agent in pod ${ownPod?.metadata.name} does not answer (${runtime.problem ?? 'no connection yet'}). Look at: kubectl logs ${ownPod?.metadata.name} -c agent`,
    },
    asleep: { reason: 'AgentSilent' },
    findings,
    changes: { idleSince: undefined, checkpointing: undefined },
  };
}

/** Whether the workspace stays as it is, and until when, or takes the checkpoint before its sleep. */
function restOrSleep(situation: Situation, base: Decision, settled: boolean): Decision {
  const { runPolicy, agent, pending, open, attached, attachedUntil, effective, now, memory, workspace } =
    situation;
  if (agent === undefined) return base;
  const replace =
    workspace.spec.updatePolicy === 'Immediate' && outdated(situation).length > 0 && effective !== undefined;
  const unparked = open.filter((each) => !isParked(each, situation));
  const quiet = quietSince(situation);
  const idle: Decision['changes'] = { ...base.changes, idleSince: instant(Math.floor(quiet / 1000) * 1000) };
  const stay = (reason: Decision['asleep']['reason'], message?: string, until?: number): Decision => ({
    ...base,
    asleep: { reason, ...(message === undefined ? {} : { message }) },
    changes: reason === 'Busy' || reason === 'Demand' ? { ...base.changes, idleSince: undefined } : idle,
    deadlines: [until, memory.deliverNotBefore > now ? memory.deliverNotBefore : undefined],
  });

  if (agent.busy) return stay('Busy', agent.busyReasons.map((each) => each.detail).join('; ') || undefined);
  if (unparked.length > 0) return stay('Demand');
  const forced = runPolicy === 'Suspended' || replace;
  const rewind = nextRewind(situation);
  if (rewind.is === 'ready') {
    if (!settled) return stay('IdleTooShort');
    if (now < memory.checkpointNotBefore)
      return stay('CheckpointFailed', memory.checkpointProblem?.message, memory.checkpointNotBefore);
    const decision = beginSleep(situation, base, 'BeforeRewind', rewind.request.metadata.name);
    return { ...decision, changes: { ...decision.changes, rewind: begun(situation, rewind) } };
  }
  if (runPolicy !== 'Suspended' && pending.length > 0) return stay('Demand');
  if (!forced && runPolicy === 'Always') return stay('RunPolicyAlways');
  if (!forced && attached) return stay('Demand', undefined, attachedUntil);
  const patience = wantsArchive(situation) ? 0 : effective?.idleAfter;
  const due = quiet + (patience ?? Number.POSITIVE_INFINITY);
  if (!forced && now < due) return stay('IdleTooShort', undefined, Number.isFinite(due) ? due : undefined);
  // To sleep and to wake again would take as long.
  const soon = situation.wakeAt !== undefined && situation.wakeAt - now < wakeLead;
  if (!forced && soon) return stay('Demand', undefined, situation.wakeAt);
  if (!settled) return stay('IdleTooShort');
  if (now < memory.checkpointNotBefore)
    return stay('CheckpointFailed', memory.checkpointProblem?.message, memory.checkpointNotBefore);

  return beginSleep(situation, { ...base, changes: idle }, replace ? 'BeforeUpgrade' : 'Idle');
}

/**
 * The checkpoint before a sleep is begun.
 * @param name of its AgentCheckpoint; absent: after its number
 */
function beginSleep(
  situation: Situation,
  base: Decision,
  trigger: 'Idle' | 'BeforeUpgrade' | 'BeforeRewind',
  name?: string,
): Decision {
  const { now, status } = situation;
  const sequence = nextSequence(situation);
  return {
    ...base,
    phase: 'Checkpointing',
    ready: { reason: 'Checkpointing' },
    asleep: { reason: 'Checkpointing' },
    changes: {
      ...base.changes,
      checkpointing: {
        sequence,
        name: name ?? checkpointName(situation.name.name, sequence),
        startedAt: instant(now),
      },
      ...(status.podUID === undefined ? {} : { podUID: status.podUID }),
    },
    after: [[{ do: 'requestCheckpoint', sequence, trigger, hold: true }]],
    deadlines: [now + situation.settings.checkpointTimeout],
  };
}
