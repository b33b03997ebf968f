import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { describeRhythm, isCron, lifetime, type Schedule } from '../schedule/schedule.ts';
import { failed, succeeded, type Tool } from './tool.ts';

const days = lifetime / 86_400_000;

const createInput = z.strictObject({
  cron: z.string().max(200).describe('Five fields, minute to weekday, in UTC: "0 9 * * 1-5".'),
  prompt: z.string().min(1).max(16_384).describe('What this session is told each time.'),
  recurring: z.boolean().optional().describe('false: once, at the next time. true unless given.'),
  durable: z.boolean().optional().describe('Has no effect: every schedule outlives a restart.'),
});

export const cronCreate: Tool<z.infer<typeof createInput>> = {
  name: 'CronCreate',
  description: `Has this session given a prompt at certain times. The workspace may sleep in between and is woken. A schedule that repeats ends after ${days} days.`,
  input: createInput,
  parallel: false,
  access: () => ({ kind: 'none', tool: 'CronCreate' }),
  summary: ({ cron, prompt }) => `${cron}: ${prompt}`,
  async run({ cron, prompt, recurring }, { schedules }) {
    if (!isCron(cron))
      return failed(`"${cron}" is no cron expression of five fields that comes true some day.`);
    const refused = await schedules.add(made({ cron, recurring: recurring ?? true }, prompt));
    return typeof refused === 'string' ? failed(refused) : succeeded(said(refused));
  },
};

const wakeupInput = z.strictObject({
  delaySeconds: z
    .number()
    .min(1)
    .max(7 * 86_400)
    .describe('From now.'),
  prompt: z.string().min(1).max(16_384).describe('What this session is told then.'),
  reason: z.string().max(500).optional().describe('Why then, in a sentence.'),
});

export const scheduleWakeup: Tool<z.infer<typeof wakeupInput>> = {
  name: 'ScheduleWakeup',
  description:
    'Has this session given a prompt once, after a while. The workspace may sleep until then. For work that paces itself: call it at the end of a round, or not, to end it.',
  input: wakeupInput,
  parallel: false,
  access: () => ({ kind: 'none', tool: 'ScheduleWakeup' }),
  summary: ({ delaySeconds, prompt }) => `in ${delaySeconds} s: ${prompt}`,
  async run({ delaySeconds, prompt }, { schedules }) {
    const { minInterval } = schedules.limits();
    const delay = Math.max(delaySeconds * 1000, minInterval);
    const at = new Date(Date.now() + delay).toISOString();
    const refused = await schedules.add(made({ at }, prompt));
    return typeof refused === 'string' ? failed(refused) : succeeded(said(refused));
  },
};

const nothing = z.strictObject({});

export const cronList: Tool<z.infer<typeof nothing>> = {
  name: 'CronList',
  description: 'The prompts that this session is to be given later.',
  input: nothing,
  parallel: true,
  access: () => ({ kind: 'none', tool: 'CronList' }),
  summary: () => '',
  async run(_input, { schedules }) {
    const all = schedules.list();
    if (all.length === 0) return succeeded('Nothing is scheduled.');
    const lines = all.map(({ id, rhythm, nextAt, prompt }) => `${id}: ${rhythm}, next ${nextAt}: ${prompt}`);
    return succeeded(lines.join('\n'));
  },
};

const deleteInput = z.strictObject({ id: z.string().min(1).max(64).describe('As CronList has it.') });

export const cronDelete: Tool<z.infer<typeof deleteInput>> = {
  name: 'CronDelete',
  description: 'Ends a schedule of this session.',
  input: deleteInput,
  parallel: false,
  access: () => ({ kind: 'none', tool: 'CronDelete' }),
  summary: ({ id }) => id,
  async run({ id }, { schedules }) {
    return (await schedules.remove(id))
      ? succeeded(`Ended ${id}.`)
      : failed(`This session has no schedule ${id}.`);
  },
};

function made(when: Schedule['when'], prompt: string): Schedule {
  return { id: randomUUID().slice(0, 8), prompt, when, createdAt: new Date().toISOString() };
}

function said({ schedule, nextAt }: { schedule: Schedule; nextAt: string | undefined }): string {
  return `Scheduled ${schedule.id}: ${describeRhythm(schedule)}, next ${nextAt ?? 'never'}.`;
}
