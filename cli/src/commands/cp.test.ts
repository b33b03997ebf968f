import {
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Person } from '../testing/person.ts';
import { PodStreams, runHere } from '../testing/pod-streams.ts';

let person: Person;
let streams: PodStreams;
let folder: string;
/** What stands for the workspace's files, and what is this machine's. */
let there: string;
let here: string;
beforeEach(async () => {
  person = await Person.atKeyboard();
  streams = new PodStreams(person.server, runHere());
  folder = await mkdtemp(join(tmpdir(), 'dormouse-cp-'));
  there = join(folder, 'there');
  here = join(folder, 'here');
  await mkdir(there);
  await mkdir(here);
  person.workspace('ada', { status: { phase: 'Running' } });
});
afterEach(async () => {
  await person[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** A folder with what folders have: more than a pipe's worth, an odd name, a program, an empty folder. */
async function fill(at: string): Promise<void> {
  await mkdir(join(at, 'sub', 'empty'), { recursive: true });
  await writeFile(join(at, 'large'), Buffer.alloc(3_000_000, 'dormouse'));
  await writeFile(join(at, 'sub', "-o dd'name"), 'odd');
  await writeFile(join(at, 'sub', 'run'), '#!/bin/sh\n', { mode: 0o755 });
}

async function same(at: string): Promise<void> {
  expect((await readdir(at, { recursive: true })).sort()).toEqual(
    ['large', 'sub', "sub/-o dd'name", 'sub/empty', 'sub/run'].sort(),
  );
  expect((await readFile(join(at, 'large'))).equals(Buffer.alloc(3_000_000, 'dormouse'))).toBe(true);
  expect((await stat(join(at, 'sub', 'run'))).mode & 0o100).toBe(0o100);
}

describe('cp into a workspace', () => {
  it('copies a folder, into one that is there or to a new name', async () => {
    await fill(join(here, 'data'));
    expect(await person.run('cp', join(here, 'data'), `ada:${there}`)).toEqual({ code: 0, out: '', err: '' });
    await same(join(there, 'data'));
    expect((await person.run('cp', join(here, 'data'), `ada:${there}/new/name`)).code).toBe(0);
    await same(join(there, 'new', 'name'));
    expect(streams.asked[0]).toMatchObject({ path: '/api/v1/namespaces/team/pods/ada/exec' });
    expect(streams.asked[0]?.query.get('container')).toBe('workspace');
  });

  it('copies a file, whatever it is called', async () => {
    await writeFile(join(here, '@at'), 'text');
    expect((await person.run('cp', join(here, '@at'), `ada:${there}/-x y`)).code).toBe(0);
    expect(await readFile(join(there, '-x y'), 'utf8')).toBe('text');
    expect((await person.run('cp', join(here, '@at'), `ada:${there}`)).code).toBe(0);
    expect(await readFile(join(there, '@at'), 'utf8')).toBe('text');
  });

  it('says what is not there, and what the workspace refuses', async () => {
    expect(await person.run('cp', join(here, 'nothing'), 'ada:')).toMatchObject({
      code: 3,
      err: expect.stringContaining('nothing cannot be copied'),
    });
    await writeFile(join(there, 'file'), '');
    await fill(join(here, 'data'));
    expect(await person.run('cp', join(here, 'data'), `ada:${there}/file/below`)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/ada:.*file\/below: mkdir: /),
    });
  });
});

describe('cp out of a workspace', () => {
  it('copies a folder, into one that is there or to a new name', async () => {
    await fill(join(there, 'data'));
    expect(await person.run('cp', `ada:${there}/data`, here)).toEqual({ code: 0, out: '', err: '' });
    await same(join(here, 'data'));
    expect((await person.run('cp', `ada:${there}/data`, join(here, 'name'))).code).toBe(0);
    await same(join(here, 'name'));
  });

  it('leaves out what leads elsewhere, and says so', async () => {
    const data = join(there, 'data');
    await mkdir(data);
    await writeFile(join(data, 'file'), 'text');
    await link(join(data, 'file'), join(data, 'twin'));
    await symlink('file', join(data, 'inner'));
    await symlink('../../here', join(data, 'outer'));
    const { code, err } = await person.run('cp', `ada:${data}`, here);
    expect({ code, err }).toEqual({
      code: 0,
      err: 'left out, because they lead elsewhere or are no files: 1 (data/outer)\n',
    });
    expect((await readdir(join(here, 'data'))).sort()).toEqual(['file', 'inner', 'twin']);
    expect(await readlink(join(here, 'data', 'inner'))).toBe('file');
    expect((await stat(join(here, 'data', 'twin'))).nlink).toBe(1);
  });

  it('does not follow a link of this machine out of the target', async () => {
    const outside = join(folder, 'outside');
    await mkdir(outside);
    await mkdir(join(there, 'data', 'sub'), { recursive: true });
    await writeFile(join(there, 'data', 'sub', 'file'), 'text');
    await mkdir(join(here, 'data'));
    await symlink(outside, join(here, 'data', 'sub'));
    await person.run('cp', `ada:${there}/data`, here);
    expect(await readdir(outside)).toEqual([]);
  });

  it('says what is not there, on either side', async () => {
    expect(await person.run('cp', `ada:${there}/nothing`, here)).toMatchObject({
      code: 3,
      err: expect.stringContaining('there is nothing at'),
    });
    expect(await person.run('cp', `ada:${there}`, join(here, 'a', 'b'))).toMatchObject({
      code: 3,
      err: expect.stringContaining('mkdir -p'),
    });
  });
});

describe('cp', () => {
  it('wakes the workspace, and asks for it to stay awake', async () => {
    person.workspace('ada', { status: { phase: 'Suspended' } });
    await writeFile(join(here, 'file'), 'text');
    const running = person.start('cp', join(here, 'file'), `ada:${there}`);
    const awake = () =>
      person.server.requests.filter(({ method }) => method === 'PATCH').map(({ body }) => body);
    await expect
      .poll(awake)
      .toMatchObject([
        { metadata: { annotations: { 'dormouse.dev/attached-until': '2030-01-01T00:05:00Z' } } },
      ]);
    expect(streams.asked).toEqual([]);
    person.workspace('ada', { status: { phase: 'Running' } });
    expect((await running.ended).code).toBe(0);
    expect(person.clock.pending).toBe(0);
  });

  it('says which right is missing', async () => {
    streams.forbidden =
      'pods "ada" is forbidden: User "eve" cannot create resource "pods/exec" in API group "" in the namespace "team"';
    await writeFile(join(here, 'file'), 'text');
    expect(await person.run('cp', join(here, 'file'), 'ada:')).toMatchObject({
      code: 4,
      err: expect.stringContaining('get and create on pods/exec in namespace team'),
    });
  });

  it('takes one side in a workspace', async () => {
    expect((await person.run('cp', 'a', 'b')).code).toBe(2);
    expect((await person.run('cp', 'ada:a', 'ada:b')).code).toBe(2);
  });
});
