import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoff } from './backoff.ts';
import { classify, type ModelFailure, retryAfter } from './failure.ts';

const now = Date.parse('2026-11-23T00:00:00Z');

describe('a failed model request', () => {
  it.each([
    [{ status: 400 }, 'InvalidRequest', false],
    [{ status: 404, error: { type: 'error' } }, 'InvalidRequest', false],
    [{ status: 404, message: '404 page not found' }, 'Unavailable', true],
    [{ status: 413 }, 'InvalidRequest', false],
    [{ status: 401 }, 'Unauthorized', true],
    [{ status: 403 }, 'Unauthorized', true],
    [{ status: 429 }, 'RateLimited', true],
    [{ status: 500 }, 'Unavailable', true],
    [{ status: 529 }, 'Overloaded', true],
    // Errors inside a stream have a type and no status.
    [{ type: 'overloaded_error' }, 'Overloaded', true],
    [{ type: 'invalid_request_error' }, 'InvalidRequest', false],
    [new TypeError('terminated'), 'Unavailable', true],
    ['not even an error', 'Unavailable', true],
  ] as const)('%j is %s', (error, reason, retryable) => {
    expect(classify(error, now)).toMatchObject({ reason, retryable });
  });

  it.each([
    ['CredentialMissing', 401, 'CredentialMissing', true],
    ['CredentialRefused', 401, 'Unauthorized', true],
    ['ModelNotAllowed', 404, 'InvalidRequest', false],
    ['TokenBudgetSpent', 429, 'BudgetSpent', false],
    ['CostBudgetSpent', 429, 'BudgetSpent', false],
    // The workspace's own token was not taken: no key is wrong, and the kubelet renews it.
    ['Refused', 401, 'Unavailable', true],
    ['Refused', 429, 'Unavailable', true],
    ['Refused', 400, 'InvalidRequest', false],
    ['Refused', 502, 'Unavailable', true],
  ] as const)('that the gateway itself refused as %s with %d is %s', (gateway, status, reason, retryable) => {
    const headers = new Headers({ 'x-dormouse-reason': gateway, 'retry-after': '5' });
    const error = { status, headers, message: '401 {"type":"error"}', apiMessage: 'what to mend' };
    expect(classify(error, now)).toMatchObject({
      gateway,
      reason,
      retryable,
      message: 'what to mend',
      retryAfterMs: 5_000,
    });
  });

  it.each([
    [{ 'retry-after': '7' }, 7000],
    [{ 'retry-after-ms': '20', 'retry-after': '7' }, 20],
    [{ 'retry-after': 'Mon, 23 Nov 2026 00:00:09 GMT' }, 9000],
    [{ 'retry-after': 'soon' }, undefined],
    [{}, undefined],
  ])('with the headers %j may be sent again after %s ms', (headers, expected) => {
    expect(retryAfter(new Headers(headers as Record<string, string>), now)).toBe(expected);
  });

  it('is never sent again before the server allows it, and never later than an hour without a reason', () => {
    const reasons = fc.constantFrom<ModelFailure['reason']>(
      'Unavailable',
      'Overloaded',
      'RateLimited',
      'Unauthorized',
    );
    const hints = fc.option(fc.integer({ min: 0, max: 10_000_000 }), { nil: undefined });
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(
        reasons,
        hints,
        fc.integer({ min: 1, max: 10_000 }),
        random,
        (reason, retryAfterMs, attempt, dice) => {
          const failure = {
            reason,
            message: '',
            retryable: true,
            ...(retryAfterMs !== undefined && { retryAfterMs }),
          };
          const wait = backoff(failure, attempt, dice);
          expect(wait).toBeGreaterThanOrEqual(Math.min(retryAfterMs ?? 300, 3_600_000));
          expect(wait).toBeLessThanOrEqual(3_600_250);
          if (retryAfterMs === undefined)
            expect(wait).toBeLessThanOrEqual(reason === 'Unauthorized' ? 300_000 : 30_000);
        },
      ),
    );
  });
});
