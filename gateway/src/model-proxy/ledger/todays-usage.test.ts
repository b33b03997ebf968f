import { describe, expect, it } from 'vitest';
import { todaysUsage, whenToTell } from './todays-usage.ts';

const workspace = { namespace: 'team', name: 'home', uid: 'u' };
const usage = (tokens: number, limit?: number, day = '2026-11-23') =>
  todaysUsage({ workspace, day, totalTokens: tokens, charges: [], reservations: [] }, limit);

describe('what a workspace used', () => {
  it.each([
    ['is not known', undefined, usage(5, 10), 'soon'],
    ['is shown', usage(5, 10), usage(5, 10), 'never'],
    ['has grown', usage(5, 10), usage(6, 10), 'soon'],
    ['has no limit', undefined, usage(5), 'soon'],
    ['has a limit of late', usage(5), usage(5, 10), 'soon'],
    ['has no limit any more', usage(5, 10), usage(5), 'soon'],
    ['has reached the limit', usage(9, 10), usage(10, 10), 'now'],
    ['is all that there is, from the first call on', undefined, usage(11, 10), 'now'],
    ['has reached a limit that was lowered', usage(9, 10), usage(9, 8), 'now'],
    ['is beyond the limit, which is shown', usage(10, 10), usage(12, 10), 'soon'],
    ['is below a limit that was raised', usage(10, 10), usage(10, 20), 'soon'],
    ['has reached the limit again, a day later', usage(10, 10), usage(10, 10, '2026-11-24'), 'now'],
    ['begins anew', usage(10, 10), usage(1, 10, '2026-11-24'), 'soon'],
    ['is of the day before', usage(1, 10, '2026-11-24'), usage(10, 10), 'never'],
  ])('where it %s', (_case, shown, next, when) => {
    expect(whenToTell(shown, next)).toBe(when);
  });
});
