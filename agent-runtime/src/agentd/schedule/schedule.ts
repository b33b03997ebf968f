import { Cron } from 'croner';
import { z } from 'zod';

/** When a schedule gives its prompt: by a cron expression of five fields (UTC), every so many seconds, or once. */
const rhythm = z.union([
  z.object({ cron: z.string(), recurring: z.boolean() }),
  z.object({ everySeconds: z.int().min(1) }),
  z.object({ at: z.iso.datetime() }),
]);

/** A prompt that a session gives itself at some time. It lasts through sleeps, crashes and restarts. */
export const schedule = z.object({
  id: z.string().min(1).max(64),
  prompt: z.string().min(1).max(16_384),
  when: rhythm,
  createdAt: z.iso.datetime(),
});
export type Schedule = z.infer<typeof schedule>;

/** A schedule and when it last gave its prompt. */
export interface Kept {
  schedule: Schedule;
  firedAt?: string;
}

/** Milliseconds after which a schedule that repeats ends, so that one that was forgotten does not run for ever; as documented. */
export const lifetime = 7 * 24 * 3_600_000;

/** Whether an expression is one that `dueAt` understands and that comes true some day. */
export function isCron(expression: string): boolean {
  if (expression.trim().split(/\s+/).length !== 5) return false;
  try {
    return new Cron(expression, { timezone: 'UTC', paused: true }).nextRun() !== null;
  } catch {
    return false;
  }
}

/**
 * When the prompt is due (milliseconds), perhaps in the past: what was missed while nobody was awake is given once.
 * Undefined: never again.
 *
 * @param minInterval milliseconds between two prompts of one schedule, at least
 */
export function dueAt(
  { schedule: { when, createdAt }, firedAt }: Kept,
  minInterval: number,
): number | undefined {
  const created = Date.parse(createdAt);
  const fired = firedAt === undefined ? undefined : Date.parse(firedAt);
  if ('at' in when) return fired === undefined ? Date.parse(when.at) : undefined;
  if ('cron' in when && !when.recurring && fired !== undefined) return undefined;
  // Once more after its time is over, so that nobody waits for a last time that never comes.
  if (fired !== undefined && fired >= created + lifetime) return undefined;
  const since = fired ?? created;
  const next =
    'everySeconds' in when
      ? since + when.everySeconds * 1000
      : new Cron(when.cron, { timezone: 'UTC', paused: true }).nextRun(new Date(since))?.getTime();
  if (next === undefined) return undefined;
  return fired === undefined ? next : Math.max(next, fired + minInterval);
}

/** `5m`, `2h`, `90s`, `1d` in seconds; undefined for anything else. */
export function intervalSeconds(text: string): number | undefined {
  const match = /^(\d{1,6})(s|m|h|d)$/.exec(text);
  if (match === null) return undefined;
  const unit = { s: 1, m: 60, h: 3_600, d: 86_400 }[match[2] as 's' | 'm' | 'h' | 'd'];
  const seconds = Number(match[1]) * unit;
  return seconds > 0 ? seconds : undefined;
}

/** How a schedule repeats, for people and for the model. */
export function describeRhythm({ when }: Schedule): string {
  if ('at' in when) return `once at ${when.at}`;
  if ('everySeconds' in when) return `every ${spoken(when.everySeconds)}`;
  return `${when.recurring ? 'by' : 'once by'} cron ${when.cron} (UTC)`;
}

function spoken(seconds: number): string {
  for (const [size, unit] of [
    [86_400, 'd'],
    [3_600, 'h'],
    [60, 'm'],
  ] as const)
    if (seconds % size === 0) return `${seconds / size}${unit}`;
  return `${seconds}s`;
}
