import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { settleExpired, tokensOf } from './account.ts';
import type { Call, Hold } from './ledger.ts';
import { type Fate, type Replica, SimulatedServer } from './simulation.ts';

const workspace = { namespace: 'team', name: 'home', uid: 'uid-1' };
const most = { inputTokens: 70, outputTokens: 30, cost: 100 };
const longest = 600_000;
const limit = 300;
/** Long enough for every promise that can go on to have gone on. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

const aCall = (id: string, more: Partial<Call> = {}): Call => ({
  id,
  workspace,
  className: 'standard',
  most,
  longest,
  limits: { tokens: limit, cost: undefined },
  ...more,
});
const counted = (tokens: number) => ({
  inputTokens: tokens,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  cost: tokens,
});

/** Lets every request be answered in the order in which it came. */
async function answerAll(server: SimulatedServer): Promise<void> {
  for (await settled(); server.waiting.length > 0; await settled()) server.waiting.shift()?.go('answered');
}

async function whenAnswered<T>(server: SimulatedServer, work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  await answerAll(server);
  return work;
}

const balance = (server: SimulatedServer) => {
  const [account] = server.objects.values();
  return account === undefined ? { charged: 0, reserved: 0 } : tokensOf(account.spec);
};

describe('the ledger', () => {
  it('takes one write before a call and one after', async () => {
    const server = new SimulatedServer();
    const { ledger } = server.newReplica();
    for (const id of ['a', 'b', 'c']) {
      const hold = await whenAnswered(server, ledger.reserve(aCall(id)));
      expect(balance(server).reserved).toBe(100);
      await whenAnswered(server, ledger.settle(hold, counted(40)));
    }
    expect(balance(server)).toEqual({ charged: 120, reserved: 0 });
    expect(server.writes).toBe(6);
  });

  it('is one for two replicas: what one charged, the other one counts', async () => {
    const server = new SimulatedServer();
    const [one, two] = [server.newReplica(), server.newReplica()];
    for (const [index, { ledger }] of [one, two, one, two].entries()) {
      const hold = await whenAnswered(server, ledger.reserve(aCall(`call-${index}`)));
      await whenAnswered(server, ledger.settle(hold, counted(80)));
    }
    expect(balance(server)).toEqual({ charged: 320, reserved: 0 });
    for (const { ledger } of [one, two])
      await expect(whenAnswered(server, ledger.reserve(aCall('late')))).rejects.toMatchObject({
        of: 'tokens',
        later: false,
        charged: 320,
      });
  });

  it('says that it may be possible later where what is left is reserved', async () => {
    const server = new SimulatedServer();
    const { ledger } = server.newReplica();
    const all = { ...most, inputTokens: limit };
    const hold = await whenAnswered(server, ledger.reserve(aCall('big', { most: all })));
    await expect(whenAnswered(server, ledger.reserve(aCall('next')))).rejects.toMatchObject({ later: true });
    await whenAnswered(server, ledger.settle(hold, counted(1)));
    await whenAnswered(server, ledger.reserve(aCall('next')));
  });

  it('holds a class to its money over all of its workspaces, and no other class', async () => {
    const server = new SimulatedServer();
    const { ledger } = server.newReplica();
    const of = (uid: string, className = 'standard') =>
      aCall(uid, { workspace: { ...workspace, uid }, className, limits: { tokens: undefined, cost: 150 } });
    await whenAnswered(
      server,
      ledger.settle(await whenAnswered(server, ledger.reserve(of('a'))), counted(90)),
    );
    await whenAnswered(
      server,
      ledger.settle(await whenAnswered(server, ledger.reserve(of('b'))), counted(60)),
    );
    await expect(whenAnswered(server, ledger.reserve(of('c')))).rejects.toMatchObject({
      of: 'cost',
      charged: 150,
    });
    await whenAnswered(server, ledger.reserve(of('c', 'other')));
  });

  it('gives back what it reserved where it does not know whether it did', async () => {
    const server = new SimulatedServer();
    const { ledger } = server.newReplica();
    const reserving = ledger.reserve(aCall('a'));
    reserving.catch(() => undefined);
    await settled();
    server.waiting.shift()?.go('lost');
    await settled();
    // Time is up before it can look.
    server.now += 20_000;
    server.waiting.shift()?.go('refused');
    await expect(reserving).rejects.toThrow('simulated');
    expect(balance(server).reserved).toBe(100);
    await answerAll(server);
    expect(balance(server)).toEqual({ charged: 0, reserved: 0 });
  });

  it('charges what was reserved by a replica that died, when the call must be over', async () => {
    const server = new SimulatedServer();
    await whenAnswered(server, server.newReplica().ledger.reserve(aCall('a')));
    server.now += longest + 60_001;
    await whenAnswered(server, server.newReplica().ledger.reserve(aCall('b')));
    expect(balance(server)).toEqual({ charged: 100, reserved: 100 });
  });
});

/** What a history did, beside what the ledger says of it. */
interface Truth {
  /** Tokens that the provider really counted, of calls that began. */
  used: number;
  /** The most that was ever used by one call. */
  largest: number;
}

type Step =
  | { do: 'call'; replica: number; tokens: number }
  | { do: 'answer'; which: number; fate: Fate }
  | { do: 'crash'; replica: number }
  | { do: 'wait'; minutes: number };

const steps = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('call'),
      replica: fc.nat(2),
      tokens: fc.integer({ min: 0, max: 100 }),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('answer'),
      which: fc.nat(20),
      fate: fc.constantFrom<Fate>('answered', 'answered', 'answered', 'lost', 'refused'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash'), replica: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait'), minutes: fc.integer({ min: 0, max: 15 }) }) },
) as fc.Arbitrary<Step>;

/** Makes a call as the proxy does: reserved, then made, then settled; all of it may end at any moment. */
async function makeCall(replica: Replica, id: string, tokens: number, truth: Truth): Promise<void> {
  let hold: Hold;
  try {
    hold = await replica.ledger.reserve(aCall(id));
  } catch {
    return;
  }
  if (!replica.alive) return;
  truth.used += tokens;
  truth.largest = Math.max(truth.largest, tokens);
  await settled();
  if (replica.alive) await replica.ledger.settle(hold, counted(tokens));
}

async function play(history: readonly Step[]) {
  const server = new SimulatedServer();
  const live = [server.newReplica(), server.newReplica(), server.newReplica()];
  const truth: Truth = { used: 0, largest: 0 };
  let calls = 0;
  const answer = (index: number, fate: Fate) => {
    const [request] = server.waiting.splice(index % server.waiting.length, 1);
    // What a dead replica sent may arrive; it does not go on.
    if (request?.replica.alive) request.go(fate);
  };
  for (const step of history) {
    if (step.do === 'call') {
      calls += 1;
      void makeCall(live[step.replica] as Replica, `call-${calls}`, step.tokens, truth);
    } else if (step.do === 'answer' && server.waiting.length > 0) answer(step.which, step.fate);
    else if (step.do === 'crash') {
      (live[step.replica] as Replica).alive = false;
      live[step.replica] = server.newReplica();
    } else if (step.do === 'wait') server.now += step.minutes * 60_000;
    await settled();
  }
  for (await settled(); server.waiting.length > 0; await settled()) answer(0, 'answered');
  const account = server.objects.values().next().value?.spec;
  const charged =
    account === undefined ? 0 : settleExpired(account, server.now + longest + 120_000).totalTokens;
  return { truth, charged };
}

describe('in any history of calls, crashes, lost answers and replicas that know little, the ledger', () => {
  it('never forgets a token that was used, and lets a limit be passed by less than one call', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 20, maxLength: 150, size: 'max' }), async (history) => {
        const { truth, charged } = await play(history);
        expect(charged).toBeGreaterThanOrEqual(truth.used);
        // The last call that was let in began below the limit, with all others counted as the most they could be.
        expect(truth.used).toBeLessThan(limit + Math.max(truth.largest, 1));
      }),
      { numRuns: 150 },
    );
  }, 60_000);
});
