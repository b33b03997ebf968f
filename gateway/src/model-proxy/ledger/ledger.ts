import { type AgentUsage, type AgentUsageSpec, usageLabels } from '@dormouse/crds';
import {
  AlreadyExistsError,
  type Clock,
  ConflictError,
  delay,
  type KubeClient,
  KubeError,
  NotFoundError,
  resources,
} from '@dormouse/operator/kube';
import {
  admits,
  type Balance,
  type Charge,
  costOf,
  dayOf,
  openAccount,
  type Reservation,
  reserve,
  settle,
  settleExpired,
  tokensOf,
} from './account.ts';
import { InTurn } from './in-turn.ts';
import type { UsageRecords } from './usage-records.ts';

export interface LedgerOptions {
  kube: Pick<KubeClient, 'get' | 'create' | 'replace'>;
  records: Pick<UsageRecords, 'get' | 'of' | 'learn' | 'forget'>;
  /** Where the objects are: that of the release, where those who are limited cannot write. */
  namespace: string;
  clock: Clock;
  /** 0 ≤ x < 1. */
  random: () => number;
  /** Told where what a call used could not be written, and is charged as reserved instead. */
  lost: (error: unknown) => void;
}

/** One call, before it is made. */
export interface Call {
  id: string;
  workspace: AgentUsageSpec['workspace'];
  className: string;
  /** The most that it may come to. `cost` in millionths. */
  most: Pick<Reservation, 'inputTokens' | 'outputTokens' | 'cost'>;
  /** Milliseconds in which it is over. */
  longest: number;
  /** Tokens of the workspace on one day; cost of the class in millionths. Undefined: none. */
  limits: { tokens: number | undefined; cost: number | undefined };
}

/** A call that may be made; to be settled when it is over. */
export interface Hold {
  call: Call;
  /** The UTC day that it is charged to: the one on which it began. */
  day: string;
}

/** The day's tokens of the workspace or the day's money of the class are used up, or reserved by calls under way (`later`). */
export class BudgetSpentError extends Error {
  override readonly name = 'BudgetSpentError';
  readonly of: 'tokens' | 'cost';
  readonly later: boolean;
  /** What is charged already. */
  readonly charged: number;

  constructor(of: 'tokens' | 'cost', later: boolean, charged: number) {
    super(`the day's ${of} are ${later ? 'reserved' : 'spent'}`);
    this.of = of;
    this.later = later;
    this.charged = charged;
  }
}

/** Milliseconds for one request to the API server, and for a reservation as a whole: a caller waits for it. */
const patience = { request: 5_000, reserve: 10_000 };
/** Milliseconds between two tries: at first, and at most. */
const pauses = { first: 20, longest: 5_000 };

/**
 * What workspaces use, written down before each call (the most that it may come to) and after it (what it came to), in one object
 * a workspace and day, each write on top of the version that was read. So replicas agree, and a crash forgets no call:
 * docs/decisions/0010.
 */
export class Ledger {
  readonly #options: LedgerOptions;
  readonly #turns = new InTurn();

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the call may be made.
   * @throws BudgetSpentError; KubeError where the API server cannot say.
   */
  async reserve(call: Call): Promise<Hold> {
    const { clock } = this.#options;
    const now = clock.now();
    const hold: Hold = { call, day: dayOf(now) };
    const reservation: Reservation = {
      id: call.id,
      class: call.className,
      ...call.most,
      expiresAt: new Date(now + call.longest).toISOString(),
    };
    try {
      await this.#change(hold, clock.monotonic() + patience.reserve, (account) => {
        if (account.reservations.some((each) => each.id === call.id)) return account;
        const open = settleExpired(account, now);
        check('tokens', tokensOf(open), call.limits.tokens);
        if (call.limits.cost !== undefined) check('cost', this.#costOfClass(hold, open), call.limits.cost);
        return reserve(open, reservation);
      });
    } catch (error) {
      // It may have been written all the same.
      if (error instanceof KubeError && error.retryable) void this.settle(hold, undefined);
      throw error;
    }
    return hold;
  }

  /** Puts what was counted in the place of what was reserved; undefined: nothing was asked. Never rejects; may take long. */
  async settle(hold: Hold, charge: Charge | undefined): Promise<void> {
    const { clock, lost } = this.#options;
    try {
      // When the time is over, the reservation is charged by whoever comes next.
      await this.#change(hold, clock.monotonic() + hold.call.longest, (account) =>
        settle(account, hold.call.id, charge),
      );
    } catch (error) {
      lost(error);
    }
  }

  /** Resolves when nothing is being written. */
  idle(): Promise<void> {
    return this.#turns.idle();
  }

  #costOfClass({ call, day }: Hold, own: AgentUsageSpec): Balance {
    let { charged, reserved } = costOf(own, call.className);
    for (const { spec } of this.#options.records.of(day)) {
      if (spec.workspace.uid === own.workspace.uid) continue;
      const other = costOf(spec, call.className);
      charged += other.charged;
      reserved += other.reserved;
    }
    return { charged, reserved };
  }

  /**
   * Writes what `change` makes of the account, on top of the version that it saw; again with a newer one where somebody was
   * faster, or where it is not known whether a write was carried out. `change` must take its own work for done.
   */
  #change(hold: Hold, until: number, change: (account: AgentUsageSpec) => AgentUsageSpec): Promise<void> {
    const { records, clock, namespace, random } = this.#options;
    const name = `${hold.call.workspace.uid}-${hold.day}`;
    // Its own writes need not race each other.
    return this.#turns.take(name, async () => {
      let current = records.get({ namespace, name });
      // What is remembered is good enough to write on, since the API server refuses what is not on top of the newest version. To
      // write nothing, or to refuse a call, takes a look.
      let looked = false;
      const look = async () => {
        current = await this.#read(name, until);
        looked = true;
      };
      for (let pause = pauses.first; ; pause = Math.min(2 * pause, pauses.longest)) {
        try {
          const account = current?.spec ?? openAccount(hold.call.workspace, hold.day);
          const next = change(account);
          if (next !== account) records.learn(await this.#write(name, current, next));
          if (next !== account || looked) return;
        } catch (error) {
          const decided = error instanceof BudgetSpentError;
          if ((decided && looked) || (!decided && !mayHelp(error)) || clock.monotonic() >= until) throw error;
          if (!decided) await delay(clock, pause * (0.5 + random()));
        }
        await look();
      }
    });
  }

  async #read(name: string, until: number): Promise<AgentUsage | undefined> {
    const { kube, records, namespace, clock } = this.#options;
    for (;;) {
      try {
        const read = await kube.get(resources.usages, { namespace, name }, { timeout: patience.request });
        records.learn(read);
        return read;
      } catch (error) {
        if (error instanceof NotFoundError) {
          records.forget({ namespace, name });
          return undefined;
        }
        if (!mayHelp(error) || clock.monotonic() >= until) throw error;
        await delay(clock, pauses.longest / 10);
      }
    }
  }

  #write(name: string, current: AgentUsage | undefined, spec: AgentUsageSpec): Promise<AgentUsage> {
    const { kube, namespace } = this.#options;
    const options = { timeout: patience.request };
    if (current !== undefined) return kube.replace(resources.usages, { ...current, spec }, options);
    const labels = { [usageLabels.namespace]: spec.workspace.namespace, [usageLabels.day]: spec.day };
    return kube.create(resources.usages, { metadata: { namespace, name, labels }, spec }, options);
  }
}

function check(of: 'tokens' | 'cost', balance: Balance, limit: number | undefined): void {
  const verdict = admits(balance, limit);
  if (verdict !== 'yes') throw new BudgetSpentError(of, verdict === 'later', balance.charged);
}

/** Whether to look again and decide anew. */
function mayHelp(error: unknown): boolean {
  return (
    error instanceof ConflictError ||
    error instanceof AlreadyExistsError ||
    error instanceof NotFoundError ||
    (error instanceof KubeError && error.retryable)
  );
}
