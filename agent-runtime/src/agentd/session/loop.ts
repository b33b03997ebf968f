import { createHash } from 'node:crypto';
import type { MessageRequest } from '../../protocol/messages.ts';
import { describeRhythm, intervalSeconds, type Schedule } from '../schedule/schedule.ts';
import type { SessionSchedules } from '../tools/tool.ts';

/** What `/loop [INTERVAL] PROMPT` asks for. */
export interface Loop {
  prompt: string;
  /** Absent: the agent sets the pace itself. */
  everySeconds?: number;
}

/** Undefined where there is no prompt. */
export function loopOf(args: string): Loop | undefined {
  const [, first = '', rest = ''] = /^(\S+)\s*([\s\S]*)$/.exec(args) ?? [];
  const everySeconds = intervalSeconds(first);
  if (everySeconds === undefined) return args === '' ? undefined : { prompt: args };
  return rest === '' ? undefined : { prompt: rest, everySeconds };
}

/** The first round of a loop: the prompt, and what the model is told beside it. */
export interface FirstRound {
  prompt: string;
  note: string;
}

/**
 * Begins the loop that a message asks for; the schedule is on disk when it resolves. A string says why there is none. The id of the
 * schedule follows from the message, so that a crash does not make two.
 */
export async function beginLoop(
  args: string,
  { key }: MessageRequest,
  schedules: SessionSchedules,
): Promise<FirstRound | string> {
  const loop = loopOf(args);
  if (loop === undefined)
    return '/loop takes a prompt, and perhaps an interval before it: /loop 30m look at the build.';
  if (loop.everySeconds === undefined) {
    const note =
      'This is a loop that sets its own pace. At the end of the round call ScheduleWakeup with the time after which to look again, and with this prompt behind "/loop "; where there is nothing more to do, do not, and say so.';
    return { prompt: loop.prompt, note };
  }
  const id = createHash('sha256').update(key).digest('hex').slice(0, 8);
  const schedule: Schedule = {
    id,
    prompt: loop.prompt,
    when: { everySeconds: loop.everySeconds },
    createdAt: new Date().toISOString(),
  };
  const added = await schedules.add(schedule);
  if (typeof added === 'string') return added;
  const note = `This prompt is given again ${describeRhythm(schedule)}, by schedule ${id}. CronDelete ends it.`;
  return { prompt: loop.prompt, note };
}
