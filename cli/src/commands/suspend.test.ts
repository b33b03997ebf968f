import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { collections, Person } from '../testing/person.ts';

let person: Person;
beforeEach(async () => {
  person = await Person.atKeyboard();
});
afterEach(() => person[Symbol.asyncDispose]());

const stored = () => person.server.objects.get(collections.workspaces, 'team/ada');
const attached = 'dormouse.dev/attached-until';

describe('suspend', () => {
  it('holds the workspace asleep, whoever was attached', async () => {
    person.workspace('ada', { metadata: { annotations: { [attached]: '2030-01-01T08:00:00Z' } } });
    expect(await person.run('suspend', 'ada')).toMatchObject({ code: 0 });
    expect(stored()).toMatchObject({ spec: { runPolicy: 'Suspended' }, metadata: { annotations: {} } });
    expect(stored()?.metadata.annotations).toEqual({});
  });

  it('waits for the operator to have seen it, and when the time is over says what keeps it awake', async () => {
    // Asleep by itself, before the new generation: the operator may be about to wake it.
    person.workspace('ada', {
      metadata: { generation: 2 },
      status: { phase: 'Suspended', observedGeneration: 1 },
    });
    const waiting = person.start('suspend', 'ada', '--wait', '--timeout', '1m');
    await expect.poll(() => person.server.openWatches).toBe(1);
    person.workspace('ada', {
      metadata: { generation: 2 },
      status: {
        phase: 'Running',
        observedGeneration: 2,
        conditions: [{ type: 'Asleep', status: 'False', reason: 'Busy', message: 'make test runs' }],
      },
    });
    await expect.poll(() => person.server.requests.length).toBeGreaterThan(2);
    await person.clock.advance(60_000);
    const { code, err } = await waiting.ended;
    expect(code).toBe(5);
    expect(err).toContain('is Running and not Suspended: make test runs');
  });
});

describe('wake', () => {
  it('lets a suspended workspace run, and keeps it awake for as long as is asked', async () => {
    person.workspace('ada', { spec: { runPolicy: 'Suspended' }, status: { phase: 'Suspended' } });
    const waking = person.start('wake', 'ada', '--for', '8h', '--wait');
    await expect.poll(() => person.server.openWatches).toBe(1);
    expect(stored()).toMatchObject({
      spec: { runPolicy: 'Auto' },
      metadata: { annotations: { [attached]: '2030-01-01T08:00:00Z' } },
    });
    person.status(collections.workspaces, 'ada', { phase: 'Running', observedGeneration: 1 });
    expect(await waking.ended).toMatchObject({ code: 0, out: expect.stringContaining('ada runs') });
  });

  it('takes nothing from somebody who wants it longer, and leaves runPolicy Always', async () => {
    person.workspace('ada', {
      metadata: { annotations: { [attached]: '2030-01-02T00:00:00Z' } },
      spec: { runPolicy: 'Always' },
    });
    await person.run('wake', 'ada', '--for', '1m');
    expect(stored()).toMatchObject({
      spec: { runPolicy: 'Always' },
      metadata: { annotations: { [attached]: '2030-01-02T00:00:00Z' } },
    });
  });
});
