import { expect, it } from 'vitest';
import { WakeEvents } from './wake-events.ts';

const now = Date.parse('2026-11-27T12:00:00Z');
const workspace = (phase: string, attachedUntil?: string) =>
  ({
    metadata: { annotations: { 'dormouse.dev/attached-until': attachedUntil } },
    status: { phase },
  }) as never;
const pod = (uid: string) => ({ metadata: { uid } }) as never;

it('tells of a wake what changed, each thing once', () => {
  const told: string[] = [];
  const events = new WakeEvents({ event: (name) => told.push(name) }, () => now);
  events.look(workspace('Checkpointing', '2026-11-27T11:59:00Z'), pod('one'));
  events.look(workspace('Suspended'), undefined);
  events.look(workspace('Suspended', '2026-11-27T12:00:30Z'), undefined);
  events.look(workspace('Starting', '2026-11-27T12:00:30Z'), undefined);
  events.look(workspace('Starting', '2026-11-27T12:00:30Z'), pod('two'));
  events.look(workspace('Running', '2026-11-27T12:00:45Z'), pod('two'));
  expect(told).toEqual([
    ...['Checkpointing', 'pod gone', 'Suspended', 'demand written'],
    ...['Starting', 'pod created', 'Running'],
  ]);
});
