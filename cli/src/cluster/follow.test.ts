import { GoneError, TransportError, type WatchEvent, type WatchOptions } from '@dormouse/operator/kube';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { until } from './follow.ts';
import { kinds } from './resources.ts';

interface Thing {
  metadata: { name: string; namespace: string; resourceVersion: string };
  step: number;
}

const thing = (step: number): Thing => ({
  metadata: { name: 'ada', namespace: 'team', resourceVersion: String(step) },
  step,
});

type Watch = (options: WatchOptions, onEvent: (event: WatchEvent<Thing>) => void) => Promise<void>;

/** A watch in which nothing happens until it is given up. */
function silent({ signal }: WatchOptions): Promise<void> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
}

/** A server that answers each list and each watch with what the script says next. */
function scripted(lists: (Thing[] | Error)[], watches: Watch[]) {
  const opened: (string | undefined)[] = [];
  return {
    opened,
    kube: {
      async list() {
        const items = lists.shift() ?? [];
        if (items instanceof Error) throw items;
        return { items, resourceVersion: `list ${items[0]?.step}` };
      },
      watch: (_of: unknown, options: WatchOptions, onEvent: never) => {
        opened.push(options.resourceVersion);
        const next = watches.shift();
        return next === undefined ? silent(options) : next(options, onEvent);
      },
    },
  };
}

function wait(kube: object, wanted: number, clock = new FakeClock(), signal = new AbortController().signal) {
  const seen: (number | undefined)[] = [];
  const done = until(
    kube as never,
    kinds.workspaces as never,
    { namespace: 'team', name: 'ada', signal, clock },
    (object: Thing | undefined) => {
      seen.push(object?.step);
      return object?.step === wanted ? 'there' : undefined;
    },
  );
  return { done, seen, clock };
}

describe('waiting for an object', () => {
  it('ends at once where it is there already', async () => {
    const { kube } = scripted([[thing(1)]], []);
    expect(await wait(kube, 1).done).toBe('there');
  });

  it('goes on where the watch ended, and hears of nothing else', async () => {
    const { kube, opened } = scripted(
      [[thing(1)]],
      [
        async (_options, tell) => {
          tell({
            type: 'MODIFIED',
            object: { ...thing(9), metadata: { ...thing(2).metadata, name: 'bob' } },
          });
          tell({ type: 'MODIFIED', object: thing(3) });
        },
        async (_options, tell) => tell({ type: 'MODIFIED', object: thing(4) }),
      ],
    );
    const { done, seen, clock } = wait(kube, 4);
    await clock.advance(1_000);
    expect(await done).toBe('there');
    expect(seen).toEqual([1, 3, 4]);
    expect(opened.slice(0, 2)).toEqual(['list 1', '3']);
  });

  it('lists anew when its place is too old, and waits for an API server that is away', async () => {
    const { kube } = scripted(
      [[thing(1)], new TransportError('away'), [thing(5)]],
      [() => Promise.reject(new GoneError('too old', 410))],
    );
    const { done, clock } = wait(kube, 5);
    await clock.advance(10_000);
    expect(await done).toBe('there');
  });

  it('says at once when the API server does not answer the first time', async () => {
    const { kube } = scripted([new TransportError('refused')], []);
    await expect(wait(kube, 1).done).rejects.toThrow('refused');
  });

  it('tells of its deletion', async () => {
    const { kube } = scripted([[thing(1)]], [async (_, tell) => tell({ type: 'DELETED', object: thing(2) })]);
    const { seen, clock } = wait(kube, 9);
    await clock.advance(0);
    expect(seen).toEqual([1, undefined]);
  });

  it('ends with the reason of the person who ends it', async () => {
    const stop = new AbortController();
    const { kube, opened } = scripted([[thing(1)]], []);
    const { done } = wait(kube, 9, new FakeClock(), stop.signal);
    await expect.poll(() => opened.length).toBe(1);
    stop.abort(new Error('Ctrl-C'));
    await expect(done).rejects.toThrow('Ctrl-C');
  });
});
