import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { collections, Person } from '../testing/person.ts';

let person: Person;
beforeEach(async () => {
  person = await Person.atKeyboard();
  person.workspace('ada', {
    metadata: { labels: { team: 'red' } },
    spec: { runPolicy: 'Suspended', storage: { size: '5Gi', retain: 'Delete' } },
  });
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
const ready = (name: string) => ({ name, readyToUse: true });
const made = () => person.server.objects.get(collections.workspaces, 'team/eva');

describe('new --from', () => {
  it('forks from the newest checkpoint that has a snapshot, with the spec of the origin', async () => {
    checkpoint(1, ready('ada-1'));
    checkpoint(2, ready('ada-2'));
    checkpoint(3);
    const { code, out } = await person.run('new', 'eva', '--from', 'ada', '--idle', '1h');
    expect({ code, out }).toEqual({ code: 0, out: 'agentworkspace.dormouse.dev/eva created\n' });
    expect(made()).toMatchObject({
      spec: {
        source: { checkpointRef: { name: 'ada-2' } },
        runPolicy: 'Auto',
        storage: { size: '5Gi' },
        idle: { after: '1h' },
      },
    });
    expect(made()?.metadata).not.toHaveProperty('labels');
  });

  it('forks from the checkpoint that is named, by number or name', async () => {
    checkpoint(1, ready('ada-1'));
    checkpoint(2, ready('ada-2'));
    for (const which of ['1', 'ada-1']) {
      const { out } = await person.run('new', 'eva', '--from', 'ada', '--checkpoint', which, '--dry-run');
      expect(parse(out).spec.source).toEqual({ checkpointRef: { name: 'ada-1' } });
    }
    expect(made()).toBeUndefined();
  });

  it('says how to have something to fork from', async () => {
    checkpoint(1);
    const { code, err } = await person.run('new', 'eva', '--from', 'ada', '--checkpoint', '1');
    expect(code).toBe(3);
    expect(err).toContain(
      'workspace "ada" has not a checkpoint 1 with a snapshot or an archive to fork from',
    );
    expect(err).toContain('volumeSnapshotClassName');
    expect(await person.run('new', 'eva', '--checkpoint', '1')).toMatchObject({ code: 2 });
  });
});
