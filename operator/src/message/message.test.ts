import type { AgentMessage } from '@dormouse/crds';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutText } from '../runtime/index.ts';
import { byCreation } from './order.ts';
import { expire, statusFromRecord } from './plan.ts';

function message(change: Partial<AgentMessage['metadata']>, status?: AgentMessage['status']): AgentMessage {
  return {
    apiVersion: 'dormouse.dev/v1alpha1',
    kind: 'AgentMessage',
    metadata: { name: 'm', namespace: 'team', creationTimestamp: '2026-01-01T00:00:00Z', ...change },
    spec: { workspaceRef: { name: 'w' }, session: 'default', text: 'hi', ttlAfterCompleted: '1h' },
    ...(status === undefined ? {} : { status }),
  };
}
const names = (of: AgentMessage[]) => of.map((each) => each.metadata.name);

describe('the order of messages', () => {
  it('is the order of creation also within a second, also after a status was written', () => {
    const first = message({ name: 'z', resourceVersion: '2000' }, { phase: 'Pending', arrival: '999' });
    const second = message({ name: 'a', resourceVersion: '1000' });
    const later = message({ name: 'b', resourceVersion: '5', creationTimestamp: '2026-01-01T00:00:01Z' });
    expect(names([later, second, first].sort(byCreation))).toEqual(['z', 'a', 'b']);
  });
});

describe('a reply', () => {
  it('is cut between characters, at most 16 KiB', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), fc.nat({ max: 100 }), (text, limit) => {
        const cut = cutText(text, limit);
        expect(Buffer.byteLength(cut.text)).toBeLessThanOrEqual(limit);
        expect(text.startsWith(cut.text)).toBe(true);
        expect(cut.truncated).toBe(cut.text !== text);
        expect(cut.text.isWellFormed()).toBe(true);
      }),
    );
  });
});

describe('the status of a message', () => {
  const record = { key: 'k', session: 'default', receivedAt: '2026-01-01T00:00:00Z' };

  it('never goes back', () => {
    const working = message({}, { phase: 'Working' });
    expect(statusFromRecord(working, { ...record, phase: 'Queued' }, 0)).toEqual({ phase: 'Working' });
  });

  it('points into the transcript where the reply was cut', () => {
    const reply = { text: 'x'.repeat(20_000), entry: 'entry-1' };
    expect(statusFromRecord(message({}), { ...record, phase: 'Completed', reply }, 0).reply).toMatchObject({
      truncated: true,
      transcript: { session: 'default', uuid: 'entry-1' },
    });
  });
});

describe('a completed message', () => {
  it('goes away after its time', () => {
    const done = message({ uid: 'u' }, { phase: 'Completed', completedAt: '2026-01-01T00:00:00Z' });
    const due = Date.parse('2026-01-01T01:00:00Z');
    expect(expire([done], due - 1)).toEqual({ actions: [], deadline: due });
    expect(expire([done], due).actions).toEqual([{ do: 'deleteMessage', name: 'm', uid: 'u' }]);
  });
});
