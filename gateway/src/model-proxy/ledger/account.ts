import type { AgentUsageSpec, Usage } from '@dormouse/crds';

/** One call that may be under way, and the most that it may come to. */
export type Reservation = AgentUsageSpec['reservations'][number];
/** What a call came to. `cost` in millionths; see AgentUsage. */
export type Charge = Usage & { cost: number };
/** What counts against a limit. `reserved` may still become less. */
export interface Balance {
  charged: number;
  reserved: number;
}

/** Milliseconds by which the clocks of two replicas may differ. */
const skew = 60_000;

/** The UTC day of an instant (milliseconds): `2026-11-23`. */
export function dayOf(now: number): string {
  return new Date(now).toISOString().slice(0, 10);
}

/** Milliseconds until the next UTC day begins. */
export function untilTomorrow(now: number): number {
  return 86_400_000 - (now % 86_400_000);
}

export function totalTokens(usage: Usage): number {
  return usage.inputTokens + usage.outputTokens + usage.cacheReadTokens + usage.cacheWriteTokens;
}

/** An account without a call. */
export function openAccount(workspace: AgentUsageSpec['workspace'], day: string): AgentUsageSpec {
  return { workspace, day, totalTokens: 0, charges: [], reservations: [] };
}

/** Tokens of all calls of the account. */
export function tokensOf({ totalTokens: charged, reservations }: AgentUsageSpec): Balance {
  const reserved = reservations.reduce((sum, each) => sum + each.inputTokens + each.outputTokens, 0);
  return { charged, reserved };
}

/** Cost of the calls that a class pays for. */
export function costOf({ charges, reservations }: AgentUsageSpec, className: string): Balance {
  const of = (list: readonly { class: string; cost: number }[]) =>
    list.reduce((sum, each) => (each.class === className ? sum + each.cost : sum), 0);
  return { charged: of(charges), reserved: of(reservations) };
}

/** The account with one more call under way. The same call twice is one. */
export function reserve(account: AgentUsageSpec, reservation: Reservation): AgentUsageSpec {
  if (account.reservations.some((each) => each.id === reservation.id)) return account;
  return { ...account, reservations: [...account.reservations, reservation] };
}

/**
 * The account after a call: what was reserved gives way to what was counted, or to nothing where nothing was asked. A call
 * whose reservation is gone is settled already, or was charged as reserved: the account stays as it is.
 */
export function settle(account: AgentUsageSpec, id: string, charge: Charge | undefined): AgentUsageSpec {
  const reservation = account.reservations.find((each) => each.id === id);
  if (reservation === undefined) return account;
  const left = { ...account, reservations: account.reservations.filter((each) => each !== reservation) };
  return charge === undefined ? left : charged(left, reservation.class, charge);
}

/** Charges what was reserved by calls that must be over: whoever was to count them is gone. */
export function settleExpired(account: AgentUsageSpec, now: number): AgentUsageSpec {
  return account.reservations
    .filter((each) => Date.parse(each.expiresAt) + skew < now)
    .reduce(
      (open, { id, inputTokens, outputTokens, cost }) =>
        settle(open, id, { inputTokens, outputTokens, cacheReadTokens: 0, cacheWriteTokens: 0, cost }),
      account,
    );
}

function charged(account: AgentUsageSpec, className: string, charge: Charge): AgentUsageSpec {
  const before = account.charges.find((each) => each.class === className);
  const sum = (name: keyof Charge) => (before?.[name] ?? 0) + charge[name];
  const after = {
    class: className,
    calls: (before?.calls ?? 0) + 1,
    inputTokens: sum('inputTokens'),
    outputTokens: sum('outputTokens'),
    cacheReadTokens: sum('cacheReadTokens'),
    cacheWriteTokens: sum('cacheWriteTokens'),
    cost: sum('cost'),
  };
  return {
    ...account,
    totalTokens: account.totalTokens + totalTokens(charge),
    charges: [...account.charges.filter((each) => each !== before), after],
  };
}

/**
 * Whether one more call may begin. `later`: what is left is reserved by calls under way, and some of it comes back. A call may
 * begin while anything is left, so the last one goes over the limit by less than itself.
 */
export function admits({ charged, reserved }: Balance, limit: number | undefined): 'yes' | 'later' | 'no' {
  if (limit === undefined || charged + reserved < limit) return 'yes';
  return charged < limit ? 'later' : 'no';
}
