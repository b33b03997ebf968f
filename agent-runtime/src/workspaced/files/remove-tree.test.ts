import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

let base: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'dormouse-remove-'));
});
afterEach(() => rm(base, { recursive: true, force: true }));

/** By a process that has no right to pass by the modes of files, as workspaced is one. */
function remove(path: string): void {
  const module = JSON.stringify(join(import.meta.dirname, 'remove-tree.ts'));
  const script = `await (await import(${module})).removeTree(${JSON.stringify(path)})`;
  const plain = ['--bounding-set=-all', '--inh-caps=-all', process.execPath];
  execFileSync('setpriv', [...plain, '--input-type=module', '-e', script], { stdio: 'pipe' });
}

test('a tree with folders that nobody may write goes', async () => {
  await mkdir(join(base, 'cache/module'), { recursive: true });
  await writeFile(join(base, 'cache/module/go.mod'), '');
  await chmod(join(base, 'cache/module'), 0o555);
  await chmod(join(base, 'cache'), 0o100);
  remove(join(base, 'cache'));
  expect(await readdir(base)).toEqual([]);
});

test('what a link points to stays', async () => {
  await mkdir(join(base, 'kept'));
  await writeFile(join(base, 'kept/it'), '');
  await mkdir(join(base, 'tree'));
  await symlink(join(base, 'kept'), join(base, 'tree/link'));
  await chmod(join(base, 'tree'), 0o555);
  remove(join(base, 'tree'));
  expect(await readdir(base)).toEqual(['kept']);
  expect(await readdir(join(base, 'kept'))).toEqual(['it']);
});
