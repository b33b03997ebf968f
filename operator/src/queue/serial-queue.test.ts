import fc from 'fast-check';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { createLogger } from '../telemetry/index.ts';
import { SerialQueue, type SerialQueueOptions } from './serial-queue.ts';
import { type Outcome, TerminalError } from './work-queue.ts';

const log = pino({ level: 'silent' });

/** A queue whose workers end when the test says so. */
function manual(options: Partial<SerialQueueOptions> = {}) {
  const clock = new FakeClock();
  const running = new Map<string, (outcome?: Outcome | Error) => void>();
  const begun: string[] = [];
  const overlaps: string[] = [];
  let signal: AbortSignal | undefined;
  const queue = new SerialQueue({
    log,
    clock,
    concurrency: 2,
    random: () => 0,
    worker: (key, given) => {
      signal = given;
      begun.push(key);
      if (running.has(key)) overlaps.push(key);
      const { promise, resolve, reject } = Promise.withResolvers<Outcome | undefined>();
      running.set(key, (outcome) => {
        running.delete(key);
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
      });
      return promise;
    },
    ...options,
  });
  const finish = async (key: string, outcome?: Outcome | Error) => {
    running.get(key)?.(outcome);
    await clock.advance(0);
  };
  return { queue, clock, running, begun, overlaps, finish, signal: () => signal };
}

describe('the work queue', () => {
  it('works once on a key that was added many times', async () => {
    const { queue, clock, begun, finish } = manual({ concurrency: 1 });
    for (const key of ['a', 'b', 'a', 'b', 'b']) queue.add(key);
    expect(queue.depth).toBe(2);
    queue.start();
    await clock.advance(0);
    await finish('a');
    await finish('b');
    expect(begun).toEqual(['a', 'b']);
    expect(queue.depth).toBe(0);
  });

  it('works once more on a key that was added while it was worked on', async () => {
    const { queue, clock, begun, running, finish } = manual();
    queue.start();
    queue.add('a');
    await clock.advance(0);
    queue.add('a');
    queue.add('a');
    await clock.advance(0);
    expect(begun).toEqual(['a']);
    await finish('a');
    expect(begun).toEqual(['a', 'a']);
    await finish('a');
    expect(running.size).toBe(0);
    expect(begun).toHaveLength(2);
  });

  it('does not work once more for what came before the worker looked', async () => {
    const looks: (() => void)[] = [];
    const ends: (() => void)[] = [];
    const { queue, clock } = manual({
      worker: (_key, _signal, look) => {
        looks.push(look);
        return new Promise((resolve) => ends.push(() => resolve(undefined)));
      },
    });
    queue.start();
    queue.add('a');
    await clock.advance(0);
    queue.add('a');
    looks[0]?.();
    ends[0]?.();
    await clock.advance(0);
    expect(looks).toHaveLength(1);

    queue.add('a');
    await clock.advance(0);
    looks[1]?.();
    queue.add('a');
    ends[1]?.();
    await clock.advance(0);
    expect(looks).toHaveLength(3);
  });

  it('serves live keys before those of the first listing, and lets a listed key overtake when it turns live', async () => {
    const { queue, clock, begun, finish } = manual({ concurrency: 1 });
    queue.add('listed-1', 'initial');
    queue.add('listed-2', 'initial');
    queue.add('news');
    queue.add('listed-2');
    queue.start();
    for (const key of ['news', 'listed-2', 'listed-1']) {
      await clock.advance(0);
      await finish(key);
    }
    expect(begun).toEqual(['news', 'listed-2', 'listed-1']);
  });

  it('does not starve the listing under a storm of live keys', async () => {
    const { queue, clock, begun, finish } = manual({ concurrency: 1 });
    queue.add('listed', 'initial');
    for (let n = 0; n < 30; n++) queue.add(`live-${n}`);
    queue.start();
    await clock.advance(0);
    while (!begun.includes('listed')) await finish(begun.at(-1) ?? '');
    expect(begun.length).toBeLessThan(20);
  });

  it('retries with growing back-off, and forgets failures after a success', async () => {
    const { queue, clock, begun, finish } = manual({
      firstBackoff: 100,
      longestBackoff: 250,
      random: () => 0.999,
    });
    queue.start();
    queue.add('a');
    await clock.advance(0);
    for (const wait of [100, 200, 250]) {
      const before = begun.length;
      await finish('a', new Error('not yet'));
      await clock.advance(wait * 0.9);
      expect(begun).toHaveLength(before);
      await clock.advance(wait * 0.1);
      expect(begun).toHaveLength(before + 1);
    }
    await finish('a');
    queue.add('a');
    await clock.advance(0);
    await finish('a', new Error('again'));
    await clock.advance(100);
    expect(begun).toHaveLength(6);
  });

  it('says in the log which key failed, although members called key are redacted', async () => {
    const lines: string[] = [];
    const { queue, clock, finish } = manual({
      log: createLogger('info', { write: (line) => lines.push(line) }),
    });
    queue.start();
    queue.add('team/ada');
    await clock.advance(0);
    await finish('team/ada', new Error('not yet'));
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'warn',
      msg: 'work failed, to be retried',
      item: 'team/ada',
      err: { message: 'not yet' },
    });
  });

  it('does not retry what cannot be retried', async () => {
    const { queue, clock, begun, finish } = manual();
    queue.start();
    queue.add('a');
    await clock.advance(0);
    await finish('a', new TerminalError('the class is gone'));
    await clock.advance(3_600_000);
    expect(begun).toEqual(['a']);
  });

  it('holds 10,000 deadlines with one timer, and fires each at its time', async () => {
    const { queue, clock, begun } = manual({ concurrency: 10_000 });
    queue.start();
    for (let n = 0; n < 10_000; n++) queue.addAfter(`k${n}`, 1000 + ((n * 7919) % 10_000));
    expect(clock.pending).toBe(1);
    await clock.advance(5_999);
    expect(begun).toHaveLength(5_000);
    await clock.advance(5_001);
    expect(begun).toHaveLength(10_000);
  });

  it('lets work void the deadline that was set before it, and keeps the one that was set during it', async () => {
    const { queue, clock, begun, finish } = manual();
    queue.start();
    queue.addAfter('a', 1000);
    queue.add('a');
    await clock.advance(0);
    queue.addAfter('a', 5000);
    await finish('a', { requeueAfter: 9000 });
    await clock.advance(4999);
    expect(begun).toHaveLength(1);
    await clock.advance(1);
    expect(begun).toHaveLength(2);
  });

  it('waits for days without a timer that overflows', async () => {
    const { queue, clock, begun } = manual();
    queue.start();
    queue.addAfter('a', 30 * 86_400_000);
    await clock.advance(30 * 86_400_000 - 1);
    expect(begun).toEqual([]);
    await clock.advance(1);
    expect(begun).toEqual(['a']);
  });

  it('on stop waits for workers, then aborts them, and takes nothing new', async () => {
    const { queue, clock, begun, finish, signal } = manual();
    queue.start();
    queue.add('a');
    await clock.advance(0);
    queue.add('a');
    let stopped = false;
    const stopping = queue.stop(2000).then(() => {
      stopped = true;
    });
    queue.add('b');
    await clock.advance(1999);
    expect(signal()?.aborted).toBe(false);
    await clock.advance(1);
    expect(signal()?.aborted).toBe(true);
    expect(stopped).toBe(false);
    await finish('a');
    await stopping;
    expect(begun).toEqual(['a']);
  });

  it('tells how many wait and how long', async () => {
    const { queue, clock, finish } = manual({ concurrency: 1 });
    queue.start();
    queue.add('a');
    await clock.advance(0);
    queue.add('b');
    await clock.advance(700);
    expect([queue.depth, queue.oldestAge, queue.active, queue.longestWork]).toEqual([1, 700, 1, 700]);
    await finish('a');
    expect([queue.depth, queue.oldestAge]).toEqual([0, 0]);
  });

  it('never loses a key and never runs two workers for one, whatever happens when', async () => {
    const key = fc.integer({ min: 0, max: 3 }).map((n) => `k${n}`);
    const step = fc.oneof(
      fc.record({
        do: fc.constant('add' as const),
        key,
        priority: fc.constantFrom('live' as const, 'initial' as const),
      }),
      fc.record({ do: fc.constant('after' as const), key, wait: fc.integer({ min: 0, max: 500 }) }),
      fc.record({ do: fc.constant('finish' as const), key }),
      fc.record({ do: fc.constant('fail' as const), key }),
      fc.record({ do: fc.constant('pass' as const), wait: fc.integer({ min: 1, max: 300 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { queue, clock, running, begun, overlaps, finish } = manual();
        queue.start();
        /** For each key: how much work had begun when it was last added. */
        const owed = new Map<string, number>();
        const begunFor = (name: string) => begun.filter((one) => one === name).length;
        for (const one of steps) {
          if (one.do === 'add') {
            owed.set(one.key, begunFor(one.key));
            queue.add(one.key, one.priority);
          } else if (one.do === 'after') queue.addAfter(one.key, one.wait);
          else if (one.do === 'finish') await finish(one.key);
          else if (one.do === 'fail') await finish(one.key, new Error('fails'));
          else await clock.advance(one.wait);
          expect(running.size).toBeLessThanOrEqual(2);
        }
        for (let round = 0; round < 30; round++) {
          await clock.advance(60_000);
          for (const name of [...running.keys()]) await finish(name);
        }
        expect(overlaps).toEqual([]);
        for (const [name, before] of owed) expect(begunFor(name)).toBeGreaterThan(before);
        expect([queue.depth, queue.active, clock.pending]).toEqual([0, 0, 0]);
      }),
      { numRuns: 60 },
    );
  });
});
