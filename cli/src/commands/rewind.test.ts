import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { collections, Person } from '../testing/person.ts';

let person: Person;
beforeEach(async () => {
  person = await Person.atKeyboard();
  person.workspace('ada', { status: { phase: 'Running' } });
  checkpoint(3, { name: 'ada-3', readyToUse: true });
  checkpoint(4);
});
afterEach(() => person[Symbol.asyncDispose]());

function checkpoint(sequence: number, volumeSnapshot?: object): void {
  const name = `ada-${sequence}`;
  person.server.objects.put(collections.checkpoints, `team/${name}`, {
    metadata: { namespace: 'team', name, creationTimestamp: '2029-12-31T23:50:00Z' },
    spec: { workspaceRef: { name: 'ada' }, trigger: 'Idle' },
    status: { phase: 'Completed', sequence, ...(volumeSnapshot !== undefined && { volumeSnapshot }) },
  } as { metadata: { name: string } });
}

const request = 'ada-rewind-xxxx1';
const asked = () => person.server.objects.get(collections.checkpoints, `team/${request}`);
async function rewind(...args: string[]) {
  const running = person.start('rewind', 'ada', ...args);
  await expect.poll(() => person.server.openWatches).toBe(2);
  return running;
}
const say = (phase: string, more: object = {}) =>
  person.status(collections.workspaces, 'ada', {
    phase: 'Starting',
    rewind: {
      checkpoint: request,
      uid: asked()?.metadata.uid,
      to: { checkpoint: 'ada-3', sequence: 3, digest: 'sha256:abc', volumeSnapshot: 'ada-3' },
      phase,
      startedAt: '2030-01-01T00:00:00Z',
      ...more,
    },
  });

describe('rewind', () => {
  it('asks for it, waits until it is over, and says how to come back', async () => {
    const running = await rewind('--to', '3');
    expect(asked()?.spec).toMatchObject({
      workspaceRef: { name: 'ada' },
      trigger: 'BeforeRewind',
      rewindTo: { name: 'ada-3' },
    });
    say('Preparing');
    say('Restoring');
    say('Completed');
    expect(await running.ended).toEqual({
      code: 0,
      out: 'ada is at checkpoint 3 (ada-3)\n',
      err: `The way back:  dormouse rewind ada --to ${request} --namespace team\n`,
    });
  });

  it('says what came of it where the workspace could not go back', async () => {
    const running = await rewind('--to', 'ada-3');
    say('Failed', { message: 'Could not go back to checkpoint ada-3: a quota.' });
    expect(await running.ended).toMatchObject({
      code: 1,
      err: expect.stringContaining('is as it was before: Could not go back to checkpoint ada-3: a quota.'),
    });
  });

  it('says why it was refused', async () => {
    const running = await rewind('--to', '3');
    const message = 'A volume of 1Gi is too small.';
    person.status(collections.checkpoints, request, { phase: 'Failed', reason: 'RewindRefused', message });
    expect(await running.ended).toMatchObject({ code: 1, err: expect.stringContaining(message) });
  });

  it('asks for nothing where the checkpoint has no snapshot, and says what there is', async () => {
    const { code, err } = await person.run('rewind', 'ada', '--to', '4');
    expect(code).not.toBe(0);
    expect(err).toContain('has not a checkpoint 4 with a snapshot or an archive to go back to');
    expect(err).toContain('dormouse checkpoints ada');
    expect(asked()).toBeUndefined();
  });

  it('says what it waits for when the time is over', async () => {
    const running = await rewind('--to', '3', '--timeout', '1m');
    person.status(collections.checkpoints, request, {
      phase: 'Pending',
      reason: 'Busy',
      message: 'make runs',
    });
    await expect.poll(() => person.server.requests.length).toBeGreaterThan(4);
    await person.clock.advance(60_000);
    const { code, err } = await running.ended;
    expect(code).toBe(5);
    expect(err).toContain('dormouse describe ada');
  });
});
