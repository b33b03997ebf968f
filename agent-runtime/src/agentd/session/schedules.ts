import type { SessionSchedules } from '../tools/tool.ts';
import type { RoundContext } from './tool-round.ts';

/** What the tools of a session may do about its schedules. */
export function schedulesOf({ session, host, logs }: RoundContext): SessionSchedules {
  const limits = () => {
    const { most, minIntervalSeconds } = host.config().schedules;
    return { most, minInterval: minIntervalSeconds * 1000 };
  };
  const list = () => host.schedules().filter((each) => each.session === session);
  return {
    limits,
    list,
    async add(schedule) {
      if (host.subagent !== undefined)
        return 'A subagent ends with its task and cannot be told anything later: leave it to the one that called it.';
      const { most } = limits();
      const known = logs.ledger.schedules.has(schedule.id);
      if (!known && host.schedules().length >= most) {
        return most === 0
          ? 'Nothing can be scheduled here: the class of this workspace does not allow it.'
          : `Nothing more can be scheduled: the class of this workspace allows ${most}. End one with CronDelete.`;
      }
      await logs.appendRecords({ type: 'schedule', schedule });
      host.scheduled();
      return { schedule, nextAt: list().find(({ id }) => id === schedule.id)?.nextAt };
    },
    async remove(id) {
      if (!logs.ledger.schedules.has(id)) return false;
      await logs.appendRecords({ type: 'unschedule', id, at: new Date().toISOString() });
      host.scheduled();
      return true;
    },
  };
}
