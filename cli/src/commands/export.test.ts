import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { collections, Person } from '../testing/person.ts';

let person: Person;
beforeEach(async () => {
  person = await Person.atKeyboard();
  person.workspace('ada', {
    spec: { idle: { after: '10m' }, runPolicy: 'Suspended', classRef: { name: 'large' } },
    status: { phase: 'Suspended' },
  });
});
afterEach(() => person[Symbol.asyncDispose]());

const id = (digit: string) => digit.repeat(64);
const archive = {
  ...{ phase: 'Completed', repository: 'team/ada/uid-of-ada', bytes: 4096 },
  snapshots: { state: id('a'), home: id('b') },
};

function put(name: string, status: object): void {
  person.server.objects.put(collections.checkpoints, `team/${name}`, {
    metadata: { name, namespace: 'team' },
    spec: { workspaceRef: { name: 'ada' }, trigger: 'Manual', archive: true },
    status: { phase: 'Completed', ...status },
  } as never);
}

function putSecret(): void {
  person.server.objects.put(collections.secrets, 'team/ada-archive', {
    metadata: { name: 'ada-archive', namespace: 'team' },
    data: { password: Buffer.from('the password').toString('base64') },
  } as never);
}

describe('export', () => {
  it('writes down the newest archive with its password, and import makes a workspace of it', async () => {
    put('old', { sequence: 2, archive: { ...archive, snapshots: { state: id('c'), home: id('d') } } });
    put('new', { sequence: 7, archive });
    put('failed', { sequence: 9, archive: { phase: 'Failed' } });
    putSecret();
    const written = await person.run('export', 'ada', 'ada.json');
    expect(written).toMatchObject({ code: 0, out: '', err: expect.stringContaining('holds the password') });
    expect(JSON.parse(person.files['ada.json'] ?? '')).toMatchObject({
      ...{ checkpoint: 'new', sequence: 7, password: 'the password' },
      ...{ repository: archive.repository, snapshots: archive.snapshots },
    });

    const { code, out } = await person.run(
      'import',
      'ada.json',
      'eva',
      '--class',
      'archived',
      '--size',
      '5Gi',
    );
    expect([code, out]).toEqual([0, 'agentworkspace.dormouse.dev/eva created\n']);
    const made = person.server.objects.get(collections.workspaces, 'team/eva');
    expect(made?.spec).toMatchObject({
      classRef: { name: 'archived' },
      storage: { size: '5Gi' },
      idle: { after: '10m' },
      runPolicy: 'Auto',
      source: {
        archive: {
          ...{ repository: archive.repository, snapshots: archive.snapshots, bytes: 4096, sequence: 7 },
          workspace: 'ada',
        },
      },
    });
    const { spec } = made as never as {
      spec: { source: { archive: { passwordSecretRef: { name: string } } } };
    };
    const { name } = spec.source.archive.passwordSecretRef;
    const secret = person.server.objects.get(collections.secrets, `team/${name}`) as
      | { data?: object; metadata: { ownerReferences?: object[] } }
      | undefined;
    expect(secret?.data).toEqual({ password: Buffer.from('the password').toString('base64') });
    expect(secret?.metadata.ownerReferences).toMatchObject([{ name: 'eva', uid: made?.metadata.uid }]);
  });

  it('says how to have an archive where there is none', async () => {
    put('plain', { sequence: 3 });
    const { code, err } = await person.run('export', 'ada', 'ada.json');
    expect(code).not.toBe(0);
    expect(err).toContain('dormouse checkpoint ada --archive');
    expect(person.files['ada.json']).toBeUndefined();
  });

  it.each([
    ['no JSON', 'nonsense', 'is no JSON'],
    ['another file', '{"format":"else"}', 'is no exported workspace'],
    ['a path that leads out', JSON.stringify({ format: 'dormouse.dev/exported-workspace/1' }), 'workspace'],
  ])('is not taken for what it is not: %s', async (_, text, words) => {
    person.files.file = text;
    const { code, err } = await person.run('import', 'file');
    expect(code).not.toBe(0);
    expect(err).toContain(words);
  });
});
