import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CollectRequest } from '../../protocol/tools-api.ts';
import { collectAll } from './collect.ts';
import { Confinement } from './confinement.ts';

let base: string;
let home: string;

beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'collect-')));
  home = join(base, 'home');
  await mkdir(home);
  await writeFile(join(base, 'secret.md'), 'hidden');
});
afterEach(() => rm(base, { recursive: true, force: true }));

async function put(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(join(home, path)), { recursive: true });
  await writeFile(join(home, path), content);
}
const collectEach = async (...requests: Partial<CollectRequest>[]) => {
  const whole = requests.map((request) => ({ files: [], folders: [], maxFileBytes: 1024, ...request }));
  const confinement = new Confinement({ home, writable: [], readable: [] });
  return (await collectAll({ requests: whole }, confinement)).results;
};
const collect = async (request: Partial<CollectRequest>) => {
  const [result] = await collectEach(request);
  if (result === undefined) throw new Error('no result');
  return result;
};

test('files that are there come in the order they were asked for, those that are not are left out', async () => {
  await put('b.md', '\ufefftwo');
  await put('a.md', 'one');
  const { files, problems } = await collect({ files: ['~/b.md', 'none.md', 'a.md', '.'] });
  expect(files).toEqual([
    { path: join(home, 'b.md'), realPath: join(home, 'b.md'), content: 'two', bytes: 6, truncated: false },
    { path: join(home, 'a.md'), realPath: join(home, 'a.md'), content: 'one', bytes: 3, truncated: false },
  ]);
  expect(problems).toEqual([]);
});

test('what cannot be read is told of and does not keep the others', async () => {
  await put('binary.md', new Uint8Array([0, 1]));
  await put('a.md', 'one');
  await symlink(join(base, 'secret.md'), join(home, 'link.md'));
  const { files, problems } = await collect({ files: ['binary.md', 'link.md', '../secret.md', 'a.md'] });
  expect(files.map((file) => file.content)).toEqual(['one']);
  expect(problems.map((problem) => problem.code)).toEqual(['invalid', 'outside_home', 'outside_home']);
});

test('what several ask for comes in their places, and what is no path of one keeps nothing from the others', async () => {
  await put('a.md', 'one');
  const results = await collectEach(
    { files: ['a.md'] },
    { files: ['\0', '', 'a.md'] },
    { files: ['none.md'] },
  );
  expect(results.map(({ files }) => files.map(({ content }) => content))).toEqual([['one'], ['one'], []]);
  expect(results[1]?.problems.map(({ code }) => code)).toEqual(['invalid', 'invalid']);
});

test('together they get no more than one would', async () => {
  await put('large.md', 'x'.repeat(1024 * 1024));
  const large = { files: ['large.md'], maxFileBytes: 1024 * 1024 };
  const results = await collectEach(large, large, large, large);
  expect(results.map(({ files }) => files.length)).toEqual([1, 1, 0, 0]);
  expect(results.map(({ truncated }) => truncated)).toEqual([false, false, true, true]);
});

test('folders are searched as deep as asked, through links, and a link to a folder above ends', async () => {
  await put('skills/one/SKILL.md', '1');
  await put('skills/one/deep/SKILL.md', 'too deep');
  await put('skills/README.md', 'another name');
  await put('shared/two/SKILL.md', '2');
  await symlink(join(home, 'shared/two'), join(home, 'skills/two'));
  await symlink(join(home, 'skills'), join(home, 'skills/loop'));
  const { files } = await collect({ folders: [{ path: 'skills', name: 'SKILL.md', depth: 2 }] });
  expect(files.map(({ path, realPath }) => [path, realPath])).toEqual([
    [join(home, 'skills/one/SKILL.md'), join(home, 'skills/one/SKILL.md')],
    [join(home, 'skills/two/SKILL.md'), join(home, 'shared/two/SKILL.md')],
  ]);
  const all = await collect({ folders: [{ path: 'skills', name: '*.md', depth: 16 }] });
  expect(all.files.map((file) => file.content)).toEqual(['another name', '1', 'too deep', '2']);
});

test('an answer is bounded: long files are cut between characters, too many are left out', async () => {
  await put('long.md', `${'x'.repeat(1023)}€`);
  const { files } = await collect({ files: ['long.md'] });
  expect(files).toMatchObject([{ content: 'x'.repeat(1023), bytes: 1026, truncated: true }]);
  await Promise.all(Array.from({ length: 1001 }, (_, at) => put(`many/${at}.md`, 'x')));
  const many = await collect({ folders: [{ path: 'many', name: '*.md', depth: 1 }] });
  expect(many.files).toHaveLength(1000);
  expect(many.truncated).toBe(true);
});
