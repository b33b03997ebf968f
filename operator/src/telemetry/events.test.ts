import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import type { Event, KubeObject } from '../kube/index.ts';
import { EventRecorder } from './events.ts';

function ada(name = 'ada'): KubeObject {
  const metadata = { namespace: 'team', name, uid: `uid-${name}` };
  return { apiVersion: 'dormouse.dev/v1alpha1', kind: 'AgentWorkspace', metadata };
}

const woken = { type: 'Normal', reason: 'Woken', message: 'A message arrived.' } as const;

/** A recorder whose Events are written when the gate is open. */
function recorder({ open = true, failing = false, component = 'dormouse-operator' } = {}) {
  const clock = new FakeClock();
  const events: Event[] = [];
  let dropped = 0;
  let active = 0;
  let most = 0;
  const gate = Promise.withResolvers<void>();
  if (open) gate.resolve();
  const create = async (_of: unknown, object: unknown) => {
    active += 1;
    most = Math.max(most, active);
    await gate.promise;
    active -= 1;
    if (failing) throw new Error('the namespace is being terminated');
    events.push(object as Event);
    return object as never;
  };
  const recorder = new EventRecorder({
    kube: { create },
    clock,
    log: pino({ level: 'silent' }),
    dropped: { inc: () => dropped++ },
    component,
    identity: 'operator-0',
  });
  return { recorder, clock, events, open: gate.resolve, dropped: () => dropped, most: () => most };
}

describe('the recorder of Events', () => {
  it('writes the first of its kind at once, about the object and from the replica', async () => {
    const { recorder: it, clock, events } = recorder();
    it.record(ada(), woken);
    await clock.advance(0);
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      ...woken,
      metadata: { namespace: 'team' },
      involvedObject: { kind: 'AgentWorkspace', namespace: 'team', name: 'ada', uid: 'uid-ada' },
      reportingInstance: 'operator-0',
      count: 1,
    });
  });

  it('keeps apart what is about different things, and says which program tells it', async () => {
    const { recorder: it, clock, events } = recorder({ component: 'dormouse-gateway' });
    for (const about of ['a', 'b', 'a']) it.record(ada(), { ...woken, about, message: `About ${about}.` });
    await clock.advance(0);
    expect(events.map(({ message }) => message)).toEqual(['About a.', 'About b.']);
    expect(events[0]?.source).toEqual({ component: 'dormouse-gateway' });
  });

  it('makes one Event with a count of those that follow, with the newest message', async () => {
    const { recorder: it, clock, events } = recorder();
    for (let n = 0; n < 50; n++) it.record(ada(), { ...woken, message: `Message ${n} arrived.` });
    await clock.advance(10_000);
    expect(events.map(({ count, message }) => [count, message])).toEqual([
      [1, 'Message 0 arrived.'],
      [49, 'Message 49 arrived.'],
    ]);
    expect(new Set(events.map(({ metadata }) => metadata.name)).size).toBe(2);
  });

  it('keeps what differs in object, reason or type apart', async () => {
    const { recorder: it, clock, events } = recorder();
    it.record(ada(), woken);
    it.record(ada('bob'), woken);
    it.record(ada(), { ...woken, reason: 'Slept' });
    it.record(ada(), { ...woken, type: 'Warning' });
    await clock.advance(0);
    expect(events).toHaveLength(4);
  });

  it('is quiet again after a quiet while: nothing is kept of what is over', async () => {
    const { recorder: it, clock, events } = recorder();
    it.record(ada(), woken);
    await clock.advance(10_000);
    expect(clock.pending).toBe(0);
    it.record(ada(), woken);
    await clock.advance(0);
    expect(events.map(({ count }) => count)).toEqual([1, 1]);
  });

  it('lets few be on their way and a bounded number wait; the rest is counted', async () => {
    const { recorder: it, events, open, dropped, most } = recorder({ open: false });
    for (let n = 0; n < 2000; n++) it.record(ada(`w${n}`), woken);
    expect(most()).toBe(8);
    expect(dropped()).toBe(2000 - 1024 - 8);
    open();
    await it.flush();
    expect(events).toHaveLength(1024 + 8);
    expect(most()).toBe(8);
  });

  it('counts what the server refuses, and does not throw', async () => {
    const { recorder: it, dropped } = recorder({ failing: true });
    it.record(ada(), woken);
    await it.flush();
    expect(dropped()).toBe(1);
  });

  it('writes what it gathered before it ends', async () => {
    const { recorder: it, clock, events } = recorder();
    for (let n = 0; n < 3; n++) it.record(ada(), woken);
    await it.flush();
    expect(events.map(({ count }) => count)).toEqual([1, 2]);
    expect(clock.pending).toBe(0);
  });

  it('cuts a long message by bytes and never within a character', async () => {
    const { recorder: it, events } = recorder();
    it.record(ada(), { ...woken, message: 'é'.repeat(600).padStart(1201, '!') });
    await it.flush();
    const message = events[0]?.message ?? '';
    expect(Buffer.byteLength(message)).toBeLessThanOrEqual(1024);
    expect(message).toMatch(/^!+é+$/);
  });
});
