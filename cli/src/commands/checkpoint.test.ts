import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { collections, Person } from '../testing/person.ts';

let person: Person;
beforeEach(async () => {
  person = await Person.atKeyboard();
  person.workspace('ada', { status: { phase: 'Running' } });
});
afterEach(() => person[Symbol.asyncDispose]());

const name = 'ada-manual-xxxx1';
const status = (value: object) => person.status(collections.checkpoints, name, value);
async function take(...args: string[]) {
  const taking = person.start('checkpoint', 'ada', ...args);
  await expect.poll(() => person.server.openWatches).toBe(1);
  return taking;
}

describe('checkpoint', () => {
  it('prints the digest, and nothing else on standard output', async () => {
    const taking = await take();
    status({ phase: 'InProgress' });
    status({ phase: 'Completed', sequence: 7, bytes: 1536, digest: 'sha256:abc' });
    expect(await taking.ended).toEqual({
      code: 0,
      out: 'sha256:abc\n',
      err: `${name}: number 7, 1.5 KiB, verified\n`,
    });
  });

  it('asks for a snapshot, and fails where there is none in the end', async () => {
    const taking = await take('--snapshot');
    expect(person.server.objects.get(collections.checkpoints, `team/${name}`)?.spec).toMatchObject({
      volumeSnapshot: true,
    });
    status({ phase: 'Completed', sequence: 7, digest: 'sha256:abc', message: 'It took too long.' });
    expect(await taking.ended).toMatchObject({
      code: 1,
      out: 'sha256:abc\n',
      err: expect.stringContaining(`checkpoint "${name}" has no snapshot: It took too long.`),
    });
  });

  it('asks for an archive, and waits until it is in the bucket', async () => {
    const taking = await take('--archive');
    expect(person.server.objects.get(collections.checkpoints, `team/${name}`)?.spec).toMatchObject({
      archive: true,
    });
    const taken = { phase: 'Completed', sequence: 7, digest: 'sha256:abc' };
    status({ ...taken, archive: { phase: 'InProgress', percent: 40 } });
    const archive = { phase: 'Completed', bytes: 4096, files: 2, addedBytes: 1024 };
    status({ ...taken, archive });
    expect(await taking.ended).toEqual({
      code: 0,
      out: 'sha256:abc\n',
      err: `${name}: number 7, verified\narchived 2 files, 4.0 KiB; 1.0 KiB of it were new\n`,
    });
  });

  it('says why there is no archive', async () => {
    const taking = await take('--archive');
    const archive = { phase: 'Failed', reason: 'ArchiveFailed', message: 'There is no bucket.' };
    status({ phase: 'Completed', sequence: 7, digest: 'sha256:abc', archive });
    expect(await taking.ended).toMatchObject({
      code: 1,
      err: expect.stringContaining('failed: ArchiveFailed: There is no bucket.'),
    });
  });

  it('says why it failed', async () => {
    const taking = await take();
    status({ phase: 'Failed', reason: 'VolumeFailing', message: 'The volume is full.' });
    expect(await taking.ended).toMatchObject({
      code: 1,
      err: expect.stringContaining('failed: VolumeFailing: The volume is full.'),
    });
  });

  it('says what it waits for when the time is over', async () => {
    const taking = await take('--timeout', '1m');
    status({ phase: 'Pending', reason: 'Busy', message: 'make test runs' });
    person.terminal.err = true;
    await expect.poll(() => person.server.requests.length).toBeGreaterThan(3);
    await person.clock.advance(60_000);
    const { code, err } = await taking.ended;
    expect(code).toBe(5);
    expect(err).toContain('dormouse checkpoints ada');
  });
});

describe('checkpoints', () => {
  it('lists those of the workspace, the newest last', async () => {
    const snapshots = [{ volumeSnapshot: { name: 'c0', readyToUse: true } }];
    for (const [index, workspace] of ['ada', 'bob', 'ada'].entries()) {
      person.server.objects.put(collections.checkpoints, `team/c${index}`, {
        metadata: {
          name: `c${index}`,
          namespace: 'team',
          creationTimestamp: `2029-12-31T2${3 - index}:00:00Z`,
        },
        spec: { workspaceRef: { name: workspace }, trigger: 'Idle' },
        status: {
          phase: 'Completed',
          sequence: 9 - index,
          sessions: 1,
          bytes: 2048,
          digest: 'sha256:abc',
          ...snapshots[index],
        },
      } as { metadata: { name: string } });
    }
    const { out } = await person.run('checkpoints', 'ada');
    expect(out).toBe(
      [
        'NAME   TRIGGER   PHASE       SEQUENCE   SESSIONS   BYTES     SNAPSHOT   ARCHIVE   AGE',
        'c2     Idle      Completed   7          1          2.0 KiB   -          -         3h',
        'c0     Idle      Completed   9          1          2.0 KiB   ready      -         60m',
        '',
      ].join('\n'),
    );
    expect((await person.run('checkpoints', 'ada', '-o', 'wide')).out).toContain('sha256:abc');
  });
});
