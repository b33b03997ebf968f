import { beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { type KubeObject, keyOf, type ObjectName } from '../kube/index.ts';
import { Expectations } from './expectations.ts';
import type { Listener } from './informer.ts';

const ada = { namespace: 'team', name: 'ada' };
const pod = (uid: string, deletionTimestamp?: string): KubeObject => ({
  metadata: { ...ada, uid, ...(deletionTimestamp !== undefined && { deletionTimestamp }) },
});

let clock: FakeClock;
let cached: Map<string, KubeObject>;
let tell: Listener<KubeObject>;
let expectations: Expectations;

beforeEach(() => {
  clock = new FakeClock();
  cached = new Map();
  const cache = {
    get: (name: ObjectName) => cached.get(keyOf(name)),
    subscribe: (listener: Listener<KubeObject>) => {
      tell = listener;
      return () => undefined;
    },
  };
  expectations = new Expectations(cache, { clock, timeout: 30_000 });
});

describe('expectations', () => {
  it('remember a create until the cache shows it', () => {
    expectations.created(pod('new'));
    expect(expectations.pending(ada)).toMatchObject({ verb: 'create', uid: 'new' });
    cached.set('team/ada', pod('new'));
    expect(expectations.pending(ada)).toBeUndefined();
  });

  it('still wait while the cache shows the pod that the new one replaces', () => {
    cached.set('team/ada', pod('old', '2030-01-01T00:00:00Z'));
    expectations.created(pod('new'));
    expect(expectations.pending(ada)?.verb).toBe('create');
    cached.delete('team/ada');
    tell({ type: 'deleted', object: pod('old'), initial: false });
    expect(expectations.pending(ada)?.verb).toBe('create');
    cached.set('team/ada', pod('newer-still'));
    expect(expectations.pending(ada)).toBeUndefined();
  });

  it('are met at once where the watch was faster than the answer', () => {
    cached.set('team/ada', pod('new'));
    expectations.created(pod('new'));
    expect(expectations.pending(ada)).toBeUndefined();
  });

  it('know the echo of a create, and what came after it', () => {
    const versioned = (uid: string, resourceVersion: string) => ({
      metadata: { ...ada, uid, resourceVersion },
    });
    expect(expectations.isEcho(versioned('new', '7'))).toBe(false);
    expectations.created(versioned('new', '7'));
    expect(expectations.isEcho(versioned('new', '7'))).toBe(true);
    expect(expectations.isEcho(versioned('new', '8'))).toBe(false);
    expect(expectations.isEcho(versioned('newer', '7'))).toBe(false);
    expectations.deleted(versioned('new', '7'));
    expect(expectations.isEcho(versioned('new', '7'))).toBe(false);
  });

  it('end when the object came and went unseen', () => {
    expectations.created(pod('new'));
    tell({ type: 'deleted', object: pod('new'), initial: false });
    expect(expectations.pending(ada)).toBeUndefined();
  });

  it('remember a delete until the cache shows the object going, gone or replaced', () => {
    for (const after of [pod('old', '2030-01-01T00:00:00Z'), undefined, pod('other')]) {
      cached.set('team/ada', pod('old'));
      expectations.deleted(pod('old'));
      expect(expectations.pending(ada)).toMatchObject({ verb: 'delete', uid: 'old' });
      if (after === undefined) cached.delete('team/ada');
      else cached.set('team/ada', after);
      expect(expectations.pending(ada)).toBeUndefined();
    }
  });

  it('do not hold a workspace up forever', async () => {
    expectations.created(pod('new'));
    await clock.advance(29_999);
    expect(expectations.pending(ada)).toBeDefined();
    await clock.advance(1);
    expect(expectations.pending(ada)).toBeUndefined();
  });
});
