import { randomUUID } from 'node:crypto';
import {
  AlreadyExistsError,
  type Clock,
  ConflictError,
  delay,
  type KubeClient,
  type Lease,
  NotFoundError,
  type ObjectName,
  resources,
} from '../kube/index.ts';
import type { Logger } from '../telemetry/log.ts';

/** Milliseconds. Fail-over after a crash takes at most `leaseDuration` and `retryPeriod` with its jitter. */
export interface LeaseTimings {
  /** A lease that was not seen to change for so long is free. */
  leaseDuration: number;
  /** A leader that could not renew for so long stops leading; less than `leaseDuration`. */
  renewDeadline: number;
  /** Between two tries; a third of it after a leader's try that failed. A candidate adds or takes away up to a fifth. */
  retryPeriod: number;
  /**
   * For one answer. Longer than an API server takes that has a thousand other things to do; short enough for another try before
   * `renewDeadline` where the answer is lost.
   */
  attempt: number;
}

/** At most 4.4 s from a leader's last sign of life to the next leader: seen 0.9 s late, then waited for 3.5 s. */
export const defaultTimings: LeaseTimings = {
  leaseDuration: 3500,
  renewDeadline: 2700,
  retryPeriod: 750,
  attempt: 2000,
};

/** Why the signal of a term aborts where the lease could not be renewed: somebody else may lead in a second. */
export class LeadershipLostError extends Error {
  override readonly name = 'LeadershipLostError';
}

export interface ElectionOptions {
  lease: ObjectName;
  /** The name of the replica; something random is added, so that one that starts again is another candidate. */
  identity: string;
  timings?: LeaseTimings;
  /**
   * What a leader does. It runs until `signal` aborts: by {@link LeadershipLostError}, after which nothing more may be
   * written, or because the election is stopped, when there is time to finish. It must have ended all its work when it
   * returns. Returning earlier gives the lease back.
   */
  lead: (signal: AbortSignal) => Promise<void>;
}

export interface ElectionSurroundings {
  kube: Pick<KubeClient, 'get' | 'create' | 'replace'>;
  clock: Clock;
  log: Logger;
  /** 0 ≤ x < 1. */
  random?: () => number;
}

/** Nobody else holds the lease; `lease` is what to replace, undefined where there is none. */
interface Free {
  lease: Lease | undefined;
}

/** A candidate for one Lease. Time is measured here only: clocks of other replicas do not matter. */
export class LeaseCandidate {
  /** What the Lease names while this candidate holds it. */
  readonly identity: string;
  readonly #options: ElectionOptions;
  readonly #timings: LeaseTimings;
  readonly #around: ElectionSurroundings;
  /** The version last seen in somebody else's hand, and since when. */
  #seen: { version: string; at: number } | undefined;
  #leader: string | undefined;
  /** The lease as this candidate last wrote it; undefined where the last try failed, and it must look first. */
  #held: Lease | undefined;
  /** When the last write that succeeded was begun. */
  #renewedAt = 0;

  constructor(options: ElectionOptions, around: ElectionSurroundings) {
    this.#options = options;
    this.#timings = options.timings ?? defaultTimings;
    this.#around = around;
    this.identity = `${options.identity}-${randomUUID().slice(0, 8)}`;
  }

  /** The identity of the leader as last seen; undefined before the first look and where nobody leads. */
  get leader(): string | undefined {
    return this.#leader;
  }

  /**
   * Campaigns and leads, again and again, until `signal` aborts; then the work ends, the lease is given back, and it
   * resolves. Rejects when `lead` does.
   */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (await this.#hold(signal, false)) await this.#lead(signal);
      await delay(this.#around.clock, this.#pause(), signal);
    }
  }

  /** Until the next try: the usual time, or just past the moment when the lease expires where that comes first. */
  #pause(): number {
    const { clock, random = Math.random } = this.#around;
    const jitter = random();
    const usual = this.#timings.retryPeriod * (0.8 + jitter * 0.4);
    if (this.#seen === undefined || this.#leader === undefined) return usual;
    const left = this.#seen.at + this.#timings.leaseDuration - clock.monotonic();
    return left <= 0 ? usual : Math.min(usual, left + 10 + jitter * 40);
  }

  /** One term. The lease is renewed until the work has ended, also while it winds down. */
  async #lead(signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const work = this.#options
      .lead(AbortSignal.any([signal, over.signal]))
      .finally(() => over.abort(new Error('the term has ended')));
    try {
      await Promise.all([work, this.#keep(over)]);
    } finally {
      await this.#release();
    }
  }

  /** Renews until the term is over, and ends the term where that does not succeed in time. */
  async #keep(over: AbortController): Promise<void> {
    const { clock, log } = this.#around;
    const lose = () => {
      log.warn({ leader: this.#leader }, 'leadership lost');
      over.abort(new LeadershipLostError('leadership lost'));
    };
    // A timer, not a look after each try: a request that hangs must not keep a leader who is none any more. After one more turn
    // of the event loop, because what came in while this process was busy is looked at after the timers.
    const extend = () => {
      const left = this.#renewedAt + this.#timings.renewDeadline - clock.monotonic();
      let cancel = clock.schedule(left, () => {
        cancel = clock.schedule(0, lose);
      });
      return () => cancel();
    };
    let cancel = extend();
    let tried = this.#renewedAt;
    while (!over.signal.aborted) {
      // From the beginning of the last try: an API server that takes a second to answer is asked again at once. After one that
      // failed sooner: a gap costs the term only if it is about as long as the deadline.
      const period = this.#timings.retryPeriod / (this.#held === undefined ? 3 : 1);
      await delay(clock, Math.max(0, tried + period - clock.monotonic()), over.signal);
      if (over.signal.aborted) break;
      tried = clock.monotonic();
      if (await this.#hold(over.signal, true)) {
        cancel();
        cancel = extend();
      } else if (this.#leader !== this.identity && !over.signal.aborted) lose();
    }
    cancel();
  }

  /** Takes or renews the lease; false where somebody else has it or it could not be written. */
  async #hold(signal: AbortSignal, leading: boolean): Promise<boolean> {
    const { kube, clock, log } = this.#around;
    const begun = clock.monotonic();
    const options = { timeout: this.#timings.attempt, urgent: true, signal };
    try {
      const free = this.#held === undefined ? await this.#look(signal, leading) : { lease: this.#held };
      if (free === undefined) return false;
      const { lease } = free;
      const metadata = lease?.metadata ?? this.#options.lease;
      const wanted = { metadata, spec: this.#stated(lease?.spec) };
      this.#held =
        lease === undefined
          ? await kube.create(resources.leases, wanted, options)
          : await kube.replace(resources.leases, wanted, options);
    } catch (error) {
      // The write may have been carried out, or somebody else was first: the next try looks.
      this.#held = undefined;
      const lostRace =
        error instanceof ConflictError ||
        error instanceof AlreadyExistsError ||
        error instanceof NotFoundError;
      if (!lostRace && !signal.aborted) log.warn({ err: error }, 'lease cannot be written');
      return false;
    }
    this.#leader = this.identity;
    this.#renewedAt = begun;
    return true;
  }

  /** Undefined where somebody else holds it or, for who leads, held it in between. */
  async #look(signal: AbortSignal, leading: boolean): Promise<Free | undefined> {
    const { kube, clock, log } = this.#around;
    let lease: Lease;
    try {
      lease = await kube.get(resources.leases, this.#options.lease, {
        timeout: this.#timings.attempt,
        urgent: true,
        signal,
      });
    } catch (error) {
      // Deleted by somebody. Creating it again is atomic: only one can.
      if (error instanceof NotFoundError) return { lease: undefined };
      throw error;
    }
    const version = lease.metadata.resourceVersion ?? '';
    if (this.#seen?.version !== version) this.#seen = { version, at: clock.monotonic() };
    const holder = lease.spec?.holderIdentity || undefined;
    if (holder !== this.#leader) log.info({ holder }, 'lease seen');
    this.#leader = holder;
    if (holder === this.identity) return { lease };
    const expired = clock.monotonic() - this.#seen.at >= this.#timings.leaseDuration;
    return !leading && (holder === undefined || expired) ? { lease } : undefined;
  }

  #stated(before: Lease['spec']): NonNullable<Lease['spec']> {
    // MicroTime: six digits, of which the clock knows three.
    const renewTime = new Date(this.#around.clock.now()).toISOString().replace('Z', '000Z');
    const kept = before?.holderIdentity === this.identity;
    const transitions = before === undefined ? 0 : (before.leaseTransitions ?? 0) + 1;
    return {
      ...before,
      holderIdentity: this.identity,
      leaseDurationSeconds: Math.ceil(this.#timings.leaseDuration / 1000),
      renewTime,
      ...(kept ? {} : { acquireTime: renewTime, leaseTransitions: transitions }),
    } as NonNullable<Lease['spec']>;
  }

  /** The next leader need not wait for the lease to expire. */
  async #release(): Promise<void> {
    const { kube, log } = this.#around;
    const options = { timeout: 1_000, urgent: true };
    try {
      const lease = this.#held ?? (await kube.get(resources.leases, this.#options.lease, options));
      this.#held = undefined;
      if (lease.spec?.holderIdentity !== this.identity) return;
      const spec = { ...lease.spec, holderIdentity: '' };
      await kube.replace(resources.leases, { metadata: lease.metadata, spec }, options);
      this.#leader = undefined;
    } catch (error) {
      log.warn({ err: error }, 'lease cannot be released, it expires');
    }
  }
}
