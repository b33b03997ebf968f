import type { CheckpointState, MessageRecord, RuntimeState } from '@dormouse/agent-runtime/protocol';
import { describe, expect, it } from 'vitest';
import { furtherRecord, withAnsweredCheckpoint } from './view.ts';

const phases = ['Queued', 'Working', 'Completed', 'Failed'] as const;
const record = (phase: MessageRecord['phase']): MessageRecord => ({
  key: 'message-uid',
  session: 'default',
  phase,
  receivedAt: '2026-01-01T00:00:00.000Z',
});

describe('the record that is kept of a message', () => {
  it.each(phases)('is the answer, where nothing was known (%s)', (phase) => {
    expect(furtherRecord(undefined, record(phase))).toEqual(record(phase));
  });

  it.each([
    ['Queued', 'Working', 'Working'],
    ['Working', 'Queued', 'Working'],
    ['Completed', 'Queued', 'Completed'],
    ['Failed', 'Working', 'Failed'],
    ['Working', 'Completed', 'Completed'],
  ] as const)('known as %s and answered %s, it is %s', (known, answered, kept) => {
    expect(furtherRecord(record(known), record(answered)).phase).toBe(kept);
  });
});

describe('the answer to a request for a checkpoint', () => {
  const taken = (change: Partial<CheckpointState>): CheckpointState => ({
    sequence: 3,
    trigger: 'Idle',
    hold: true,
    phase: 'InProgress',
    startedAt: '2026-01-01T00:00:00.000Z',
    ...change,
  });
  const stateWith = (checkpoint?: CheckpointState) =>
    ({ lastSequence: checkpoint?.sequence ?? 2, checkpoint }) as RuntimeState;

  it('is put in where no event told of that one yet', () => {
    expect(withAnsweredCheckpoint(stateWith(), taken({}))).toMatchObject({
      lastSequence: 3,
      checkpoint: { phase: 'InProgress' },
    });
  });

  it.each(['Completed', 'Failed', 'Cancelled'] as const)('does not take back that it is %s', (phase) => {
    const known = stateWith(taken({ phase }));
    expect(withAnsweredCheckpoint(known, taken({}))).toBe(known);
  });

  it('does not take back the one after it', () => {
    const known = stateWith(taken({ sequence: 4, startedAt: '2026-01-01T00:00:09.000Z' }));
    expect(withAnsweredCheckpoint(known, taken({}))).toBe(known);
  });

  it('begins one anew that failed before', () => {
    const known = stateWith(taken({ phase: 'Failed' }));
    const again = taken({ startedAt: '2026-01-01T00:00:09.000Z' });
    expect(withAnsweredCheckpoint(known, again).checkpoint).toEqual(again);
  });
});
