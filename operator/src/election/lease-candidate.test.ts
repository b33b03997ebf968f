import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import {
  AlreadyExistsError,
  ConflictError,
  type Lease,
  NotFoundError,
  TransportError,
} from '../kube/index.ts';
import { type ElectionSurroundings, LeadershipLostError, LeaseCandidate } from './lease-candidate.ts';

const lease = { namespace: 'dormouse-system', name: 'dormouse-operator' };

/** One Lease with optimistic locking, as the API server keeps it. */
class Leases {
  current: Lease | undefined;
  #version = 0;

  /** The way of one candidate to it, which the test can cut. */
  reach(clock: FakeClock): ElectionSurroundings['kube'] & { cut: boolean; latency: number } {
    const way = {
      cut: false,
      /** Milliseconds that a write takes. */
      latency: 0,
      get: async () => {
        this.#pass(way.cut);
        if (this.current === undefined) throw new NotFoundError('no lease', 404);
        return structuredClone(this.current) as never;
      },
      create: async (_of: unknown, object: unknown) => {
        this.#pass(way.cut);
        if (this.current !== undefined) throw new AlreadyExistsError('there is one', 409);
        return this.#put(object as Lease) as never;
      },
      replace: async (_of: unknown, object: unknown) => {
        this.#pass(way.cut);
        if (way.latency > 0) await new Promise<void>((done) => clock.schedule(way.latency, done));
        if ((object as Lease).metadata.resourceVersion !== this.current?.metadata.resourceVersion)
          throw new ConflictError('somebody was first', 409);
        return this.#put(object as Lease) as never;
      },
    };
    return way;
  }

  get holder(): string | undefined {
    return this.current?.spec?.holderIdentity;
  }

  #put(object: Lease): Lease {
    this.current = structuredClone(object);
    this.current.metadata.resourceVersion = String(++this.#version);
    return structuredClone(this.current);
  }

  #pass(isCut: boolean): void {
    if (isCut) throw new TransportError('connection refused');
  }
}

/** A candidate that leads until it is told to stop, and says when. */
function candidate(name: string, leases: Leases, clock: FakeClock) {
  const kube = leases.reach(clock);
  const stop = new AbortController();
  const terms: AbortSignal[] = [];
  let working = 0;
  let ending: Promise<void> | undefined;
  const made = new LeaseCandidate(
    {
      lease,
      identity: name,
      lead: async (term) => {
        terms.push(term);
        working += 1;
        await new Promise<void>((resolve) => term.addEventListener('abort', () => resolve()));
        await ending;
        working -= 1;
      },
    },
    { kube, clock, log: pino({ level: 'silent' }), random: () => 0.5 },
  );
  const running = made.run(stop.signal);
  return {
    made,
    kube,
    stop: () => stop.abort(),
    running,
    terms,
    leads: () => working > 0,
    /** Work that goes on after its signal, until the promise. */
    endAfter: (promise: Promise<void>) => {
      ending = promise;
    },
  };
}

function two() {
  const clock = new FakeClock();
  const leases = new Leases();
  const [a, b] = [candidate('operator-a', leases, clock), candidate('operator-b', leases, clock)];
  const end = async () => {
    a.stop();
    b.stop();
    await clock.advance(0);
    await Promise.all([a.running, b.running]);
    expect(clock.pending).toBe(0);
  };
  return { clock, leases, a, b, end };
}

describe('two candidates for one lease', () => {
  it('have one leader, which stays, and whom the lease names', async () => {
    const { clock, leases, a, b, end } = two();
    await clock.advance(60_000);
    expect([a.leads(), b.leads()]).toEqual([true, false]);
    expect(a.terms).toHaveLength(1);
    expect(leases.holder).toBe(a.made.identity);
    expect(leases.holder).toMatch(/^operator-a-[0-9a-f]{8}$/);
    expect(b.made.leader).toBe(a.made.identity);
    expect(leases.current?.spec?.renewTime).toMatch(/\.\d{6}Z$/);
    await end();
  });

  it('change at once when the leader is shut down, after its work has ended', async () => {
    const { clock, leases, a, b, end } = two();
    await clock.advance(2_000);
    const { promise, resolve } = Promise.withResolvers<void>();
    a.endAfter(promise);
    a.stop();
    // Longer than the lease lasts: it is renewed while the work winds down.
    await clock.advance(10_000);
    expect([a.leads(), b.leads()]).toEqual([true, false]);
    resolve();
    await clock.advance(900);
    expect([a.leads(), b.leads()]).toEqual([false, true]);
    expect(leases.current?.spec?.leaseTransitions).toBe(1);
    await end();
  });

  it('change within five seconds when the leader is cut off, and never overlap', async () => {
    const { clock, a, b, end } = two();
    await clock.advance(2_000);
    a.kube.cut = true;
    let changed: number | undefined;
    for (let waited = 0; waited < 5_000 && changed === undefined; waited += 50) {
      await clock.advance(50);
      expect(a.leads() && b.leads()).toBe(false);
      if (b.leads()) changed = waited;
    }
    expect(changed).toBeLessThan(4_500);
    expect(a.terms).toHaveLength(1);
    expect(a.terms[0]?.reason).toBeInstanceOf(LeadershipLostError);
    a.kube.cut = false;
    await clock.advance(10_000);
    expect([a.leads(), b.leads()]).toEqual([false, true]);
    await end();
  });

  it('go on with the leader after a gap that is shorter than its deadline', async () => {
    const { clock, a, b, end } = two();
    await clock.advance(2_000);
    a.kube.cut = true;
    await clock.advance(1_800);
    a.kube.cut = false;
    await clock.advance(10_000);
    expect(a.terms).toHaveLength(1);
    expect([a.leads(), b.leads()]).toEqual([true, false]);
    await end();
  });
});

describe('a leader', () => {
  it('stays one at an API server that takes a second and more for every answer', async () => {
    const { clock, a, b, leases, end } = two();
    await clock.advance(1_000);
    expect(a.leads()).toBe(true);
    a.kube.latency = 1_300;
    await clock.advance(60_000);
    expect([a.terms.length, b.terms.length, leases.holder]).toEqual([1, 0, a.made.identity]);
    a.kube.latency = 0;
    await clock.advance(2_000);
    await end();
  });

  it('stops at once when somebody else holds the lease', async () => {
    const { clock, leases, a, end } = two();
    await clock.advance(2_000);
    const thief = leases.reach(clock);
    const { metadata } = leases.current as Lease;
    await thief.replace({} as never, { metadata, spec: { holderIdentity: 'somebody' } } as never);
    await clock.advance(1_000);
    expect(a.leads()).toBe(false);
    expect(leases.holder).toBe('somebody');
    await end();
  });

  it('makes a lease that was deleted anew, and goes on', async () => {
    const { clock, leases, a, b, end } = two();
    b.stop();
    await clock.advance(2_000);
    leases.current = undefined;
    await clock.advance(1_100);
    expect(leases.holder).toBe(a.made.identity);
    expect(a.terms.map(({ aborted }) => aborted)).toEqual([false]);
    await end();
  });

  it('is stopped by a request that hangs, not only by one that fails', async () => {
    const { clock, a, end } = two();
    await clock.advance(2_000);
    const { replace } = a.kube;
    a.kube.replace = (_of, _object, options) => {
      a.kube.replace = replace;
      return new Promise((_resolve, reject) => {
        options?.signal?.addEventListener('abort', () => reject(options.signal?.reason));
      });
    };
    await clock.advance(3_100);
    expect(a.terms[0]?.aborted).toBe(true);
    await end();
  });

  it('whose work fails gives the lease back and says so', async () => {
    const clock = new FakeClock();
    const leases = new Leases();
    const lead = () => Promise.reject(new Error('out of order'));
    const made = new LeaseCandidate(
      { lease, identity: 'operator-a', lead },
      { kube: leases.reach(clock), clock, log: pino({ level: 'silent' }) },
    );
    await expect(made.run(new AbortController().signal)).rejects.toThrow('out of order');
    expect(leases.holder).toBe('');
  });
});
