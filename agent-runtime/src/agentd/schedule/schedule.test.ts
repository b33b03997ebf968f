import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  describeRhythm,
  dueAt,
  intervalSeconds,
  isCron,
  type Kept,
  lifetime,
  type Schedule,
} from './schedule.ts';

const created = Date.parse('2026-11-23T10:00:30.000Z');
const kept = (when: Schedule['when'], firedAt?: number): Kept => ({
  schedule: { id: 's', prompt: 'p', when, createdAt: new Date(created).toISOString() },
  ...(firedAt !== undefined && { firedAt: new Date(firedAt).toISOString() }),
});
const minute = 60_000;

describe('a schedule is due', () => {
  it('by its cron expression in UTC, for the first time after it was made', () => {
    expect(dueAt(kept({ cron: '5 10 * * *', recurring: true }), minute)).toBe(
      Date.parse('2026-11-23T10:05:00Z'),
    );
    expect(dueAt(kept({ cron: '0 10 * * *', recurring: true }), minute)).toBe(
      Date.parse('2026-11-24T10:00:00Z'),
    );
  });

  it('once where it is not to repeat', () => {
    const at = '2026-11-23T11:00:00.000Z';
    expect(dueAt(kept({ at }), minute)).toBe(Date.parse(at));
    expect(dueAt(kept({ at }, created + 1), minute)).toBeUndefined();
    expect(dueAt(kept({ cron: '* * * * *', recurring: false }, created + 1), minute)).toBeUndefined();
  });

  it('once for all that was missed, then at the next time', () => {
    const every = { everySeconds: 300 };
    const late = created + 10 * 3_600_000;
    expect(dueAt(kept(every), minute)).toBe(created + 300_000);
    expect(dueAt(kept(every, late), minute)).toBe(late + 300_000);
  });

  it('never sooner after the last time than the class allows', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4_000 }), fc.integer({ min: 1, max: 7_200 }), (every, least) => {
        const fired = created + 1_000;
        const next = dueAt(kept({ everySeconds: every }, fired), least * 1000) ?? 0;
        expect(next - fired).toBe(Math.max(every, least) * 1000);
      }),
    );
  });

  it('one last time after a week, and then never', () => {
    const every = { everySeconds: 86_400 };
    expect(dueAt(kept(every, created + lifetime - 1), minute)).toBeDefined();
    expect(dueAt(kept(every, created + lifetime), minute)).toBeUndefined();
  });
});

it('takes five fields that come true some day, and nothing else', () => {
  for (const good of ['* * * * *', '*/5 9-17 * * 1-5', '30 14 28 2 *']) expect(isCron(good)).toBe(true);
  for (const bad of ['', '* * * *', '* * * * * *', '@daily', '61 * * * *', '0 0 31 2 *', 'a b c d e'])
    expect(isCron(bad), bad).toBe(false);
});

it('reads intervals and says them as they were written', () => {
  for (const text of ['90s', '5m', '2h', '1d'])
    expect(describeRhythm(kept({ everySeconds: intervalSeconds(text) ?? 0 }).schedule)).toBe(`every ${text}`);
  for (const text of ['0m', '5', 'm', '-5m', '5 m', '5w']) expect(intervalSeconds(text)).toBeUndefined();
});
