import { Cron } from 'croner';
import type { Action } from '../workspace/actions.ts';
import { conditionOf, type Finding } from '../workspace/conditions.ts';
import type { Decision } from '../workspace/decision.ts';
import { instant, millisecondsAt } from '../workspace/instant.ts';
import type { Situation } from '../workspace/situation.ts';
import { isWaiting } from './plan.ts';

/** What spec.checkpoint.schedule comes to, of a workspace that is awake. */
export interface Scheduled {
  findings: Finding[];
  changes: NonNullable<Decision['changes']>;
  create: Action[];
  /** When the next one is due (milliseconds). */
  until?: number;
}

/**
 * Asks for the checkpoint that is due. Its name is made of the time, so that an operator which dies in between asks once. Times in
 * which the workspace slept do not count, and of several that nobody was there for one is made up for.
 */
export function scheduled(situation: Situation): Scheduled {
  const { workspace, status, checkpoints, now } = situation;
  const { schedule } = workspace.spec.checkpoint;
  if (schedule === undefined) {
    const before = conditionOf(status.conditions, 'CheckpointsScheduled');
    return {
      findings: before === undefined ? [] : [{ type: 'CheckpointsScheduled', reason: 'NotAsked' }],
      changes: status.schedule === undefined ? {} : { schedule: undefined },
      create: [],
    };
  }
  const invalid = (why: string): Scheduled => ({
    findings: [
      {
        type: 'CheckpointsScheduled',
        reason: 'ScheduleInvalid',
        message: `spec.checkpoint.schedule of AgentWorkspace ${workspace.metadata.name}: ${why}`,
      },
    ],
    changes: { schedule: undefined },
    create: [],
  });
  const last = millisecondsAt(status.schedule?.last) ?? 0;
  const awakeSince = millisecondsAt(status.startedAt) ?? now;
  let due: number | undefined;
  let next: number | undefined;
  try {
    const cron = new Cron(schedule.cron, { timezone: schedule.timeZone, mode: '5-part' });
    due = cron.nextRun(new Date(Math.max(last, awakeSince)))?.getTime();
    next = due !== undefined && due <= now ? cron.nextRun(new Date(now))?.getTime() : due;
  } catch (error) {
    return invalid((error as Error).message);
  }
  if (due === undefined || next === undefined) return invalid(`"${schedule.cron}" names no time to come.`);
  const findings: Finding[] = [{ type: 'CheckpointsScheduled', reason: 'Scheduled' }];
  const stands = { ...status.schedule, next: instant(next) };
  if (due > now) return { findings, changes: { schedule: stands }, create: [], until: due };
  const underWay = checkpoints.some((each) => each.spec.trigger === 'Schedule' && isWaiting(each));
  return {
    findings,
    changes: { schedule: { ...stands, last: instant(now) } },
    create: underWay
      ? []
      : [
          {
            do: 'createCheckpoint',
            name: `${workspace.metadata.name}-at-${instant(due)
              .slice(0, 16)
              .replace(/[^0-9]/g, '')}`,
            trigger: 'Schedule',
            volumeSnapshot: schedule.volumeSnapshot,
          },
        ],
    until: next,
  };
}
