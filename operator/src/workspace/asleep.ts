import { recordOf } from '../checkpoint/plan.ts';
import { beforeUpgrade } from '../checkpoint/upgrade.ts';
import { snapshotFinding } from '../checkpoint/volume-snapshot.ts';
import type { Action } from './actions.ts';
import type { Decision } from './decision.ts';
import { instant } from './instant.ts';
import type { Situation } from './situation.ts';
import { start } from './start.ts';

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
  const upgrade = beforeUpgrade(situation);
  if (upgrade !== undefined)
    return { ...suspended(situation), after: upgrade.steps, deadlines: [upgrade.until] };
  const decision = start(situation);
  const why =
    runPolicy === 'Always'
      ? 'spec.runPolicy is Always'
      : situation.pending.length > 0
        ? `message ${situation.pending[0]?.metadata.name}`
        : situation.attached
          ? `${workspace.metadata.name} is attached to`
          : 'its agent scheduled a prompt for now';
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

/** The workspace sleeps, and nothing wants it awake. */
export function suspended(situation: Situation): Decision {
  const { runPolicy, memory, wakeAt } = situation;
  return {
    phase: 'Suspended',
    // One in the past does not wake a workspace whose runPolicy is Suspended.
    deadlines: [wakeAt !== undefined && wakeAt > situation.now ? wakeAt : undefined],
    ready: {
      reason: 'Suspended',
      message:
        runPolicy === 'Suspended'
          ? 'The workspace sleeps until spec.runPolicy is no longer Suspended.'
          : wakeAt === undefined
            ? 'The workspace sleeps. A message or an attachment wakes it.'
            : `The workspace sleeps until ${instant(wakeAt)}, for which its agent has scheduled a prompt, or until a message or an attachment wakes it.`,
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
