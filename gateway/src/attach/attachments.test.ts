import { type AgentWorkspace, attachedUntilAnnotation } from '@dormouse/crds';
import { pino } from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { Attachments } from './attachments.ts';

const home = { namespace: 'team', name: 'home' };
let clock: FakeClock;
let attachments: Attachments;
let written: string[];
let uid: string;
let fails: number;

beforeEach(() => {
  clock = new FakeClock();
  written = [];
  uid = 'uid-1';
  fails = 0;
  const patch = async (_of: unknown, _name: unknown, change: object) => {
    if (fails-- > 0) throw new Error('the API server is away');
    const { annotations } = (change as AgentWorkspace).metadata;
    written.push(annotations?.[attachedUntilAnnotation] ?? '');
    return {} as never;
  };
  attachments = new Attachments({
    kube: { patch },
    clock,
    log: pino({ level: 'silent' }),
    lease: 30_000,
    cached: () =>
      ({
        metadata: { ...home, uid, annotations: { [attachedUntilAnnotation]: written.at(-1) } },
      }) as unknown as AgentWorkspace,
  });
});

describe('an attachment', () => {
  it('is written once for any number of users, and again when half of it is over', async () => {
    const leave = Array.from({ length: 100 }, () => attachments.use(home));
    await clock.advance(14_999);
    expect(written).toEqual(['2030-01-01T00:00:30.000Z']);
    await clock.advance(1);
    expect(written.at(-1)).toBe('2030-01-01T00:00:45.000Z');
    for (const each of leave) each();
    await clock.advance(100_000);
    expect(written).toHaveLength(2);
    expect(clock.pending).toBe(0);
  });

  it('is written again for a use after it ran out, and for a use between', async () => {
    attachments.touch(home);
    await clock.advance(10_000);
    attachments.touch(home);
    expect(written).toHaveLength(1);
    await clock.advance(10_000);
    attachments.touch(home);
    await clock.advance(0);
    expect(written).toHaveLength(2);
  });

  it('says nothing of another workspace that gets the name', async () => {
    attachments.touch(home);
    await clock.advance(1_000);
    uid = 'uid-2';
    written.push('');
    attachments.touch(home);
    await clock.advance(0);
    expect(written).toHaveLength(3);
  });

  it('that could not be written is tried again while somebody uses it', async () => {
    fails = 2;
    attachments.use(home);
    await clock.advance(1_999);
    expect(written).toHaveLength(0);
    await clock.advance(1);
    expect(written).toHaveLength(1);
    attachments.close();
    expect(clock.pending).toBe(0);
  });
});
