import { describe, expect, it } from 'vitest';
import {
  admits,
  costOf,
  dayOf,
  openAccount,
  type Reservation,
  reserve,
  settle,
  settleExpired,
  tokensOf,
  untilTomorrow,
} from './account.ts';

const now = Date.parse('2026-11-23T23:59:00Z');
const empty = openAccount({ namespace: 'team', name: 'home', uid: 'u' }, dayOf(now));
const call = (id: string, more: Partial<Reservation> = {}): Reservation => ({
  id,
  class: 'standard',
  inputTokens: 100,
  outputTokens: 50,
  cost: 7,
  expiresAt: new Date(now).toISOString(),
  ...more,
});
const came = { inputTokens: 10, outputTokens: 5, cacheReadTokens: 3, cacheWriteTokens: 2, cost: 1 };

describe('an account', () => {
  it('has what is reserved until it is settled, and then what was counted', () => {
    const held = reserve(reserve(empty, call('a')), call('b'));
    expect(tokensOf(held)).toEqual({ charged: 0, reserved: 300 });
    const one = settle(held, 'a', came);
    expect(tokensOf(one)).toEqual({ charged: 20, reserved: 150 });
    expect(costOf(one, 'standard')).toEqual({ charged: 1, reserved: 7 });
    expect(one.charges).toEqual([{ class: 'standard', calls: 1, ...came }]);
    expect(tokensOf(settle(one, 'b', undefined))).toEqual({ charged: 20, reserved: 0 });
  });

  it('takes and settles each call once, however often it is told', () => {
    const held = reserve(empty, call('a'));
    expect(reserve(held, call('a'))).toBe(held);
    const one = settle(held, 'a', came);
    expect(settle(one, 'a', came)).toBe(one);
  });

  it('keeps classes apart: each pays for its own calls', () => {
    const moved = reserve(
      settle(reserve(empty, call('a')), 'a', came),
      call('b', { class: 'other', cost: 9 }),
    );
    expect(costOf(moved, 'standard')).toEqual({ charged: 1, reserved: 0 });
    expect(costOf(moved, 'other')).toEqual({ charged: 0, reserved: 9 });
    expect(tokensOf(moved)).toEqual({ charged: 20, reserved: 150 });
  });

  it('is charged with what was reserved when the call must be over and nobody counted it', () => {
    const held = reserve(empty, call('a'));
    expect(settleExpired(held, now + 60_000)).toBe(held);
    const over = settleExpired(held, now + 60_001);
    expect(tokensOf(over)).toEqual({ charged: 150, reserved: 0 });
    // A count that comes after all is in there already.
    expect(settle(over, 'a', came)).toBe(over);
  });
});

describe('a limit', () => {
  it.each([
    [{ charged: 0, reserved: 0 }, undefined, 'yes'],
    [{ charged: 99, reserved: 0 }, 100, 'yes'],
    [{ charged: 60, reserved: 39 }, 100, 'yes'],
    [{ charged: 60, reserved: 40 }, 100, 'later'],
    [{ charged: 100, reserved: 0 }, 100, 'no'],
    [{ charged: 120, reserved: 40 }, 100, 'no'],
  ] as const)('with %j of %s admits one more: %s', (balance, limit, verdict) => {
    expect(admits(balance, limit)).toBe(verdict);
  });

  it('begins anew with the UTC day', () => {
    expect(dayOf(now)).toBe('2026-11-23');
    expect(untilTomorrow(now)).toBe(60_000);
    expect(dayOf(now + 60_000)).toBe('2026-11-24');
  });
});
