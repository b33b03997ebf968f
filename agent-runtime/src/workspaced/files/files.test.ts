import { spawnSync } from 'node:child_process';
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Confinement } from './confinement.ts';
import { editFile } from './edit.ts';
import { findFiles } from './glob.ts';
import { type GrepContext, type GrepRequest, searchFiles } from './grep.ts';
import { readLines } from './read.ts';
import { sha256 } from './text.ts';
import { writeWhole } from './write.ts';

let base: string;
let home: string;
let outside: string;
let confinement: Confinement;

beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'files-')));
  home = join(base, 'home');
  outside = join(base, 'outside');
  await mkdir(home);
  await mkdir(outside);
  await mkdir(join(base, 'readable'));
  await writeFile(join(outside, 'secret'), 'hidden');
  confinement = new Confinement({ home, writable: [join(base, 'tmp')], readable: [join(base, 'readable')] });
});
afterEach(() => rm(base, { recursive: true, force: true }));

async function put(path: string, content: string | Uint8Array, mtime?: number): Promise<string> {
  const file = join(home, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
  if (mtime !== undefined) await utimes(file, mtime, mtime);
  return file;
}
const read = (path: string, window: { offset?: number; limit?: number } = {}) =>
  readLines({ path, ...window }, confinement);
const write = (path: string, content: string, expectedHash?: string) =>
  writeWhole({ path, content, ...(expectedHash ? { expectedHash } : {}) }, confinement);
const edit = (path: string, oldString: string, newString: string, replaceAll = false) =>
  editFile({ path, oldString, newString, replaceAll }, confinement);

test('reading returns the wanted lines as they stand, and what there is in all', async () => {
  await put('a.txt', 'one\r\ntwo\nthree');
  expect(await read('a.txt')).toEqual({
    content: 'one\r\ntwo\nthree',
    totalLines: 3,
    truncated: false,
    hash: sha256('one\r\ntwo\nthree'),
  });
  expect(await read('a.txt', { offset: 1, limit: 1 })).toMatchObject({ content: 'two\n', truncated: true });
  expect(await read('a.txt', { offset: 7 })).toMatchObject({ content: '', totalLines: 3, truncated: false });
  await put('empty', '');
  expect(await read('~/empty')).toMatchObject({ content: '', totalLines: 0, truncated: false });
});

test('a large file is read through without being held, and a window of it is right', async () => {
  const lines = Array.from({ length: 200_000 }, (_, index) => `line ${index} ü`);
  await put('big', `${lines.join('\n')}\n`);
  const all = await read('big');
  expect(all).toMatchObject({ truncated: true, totalLines: 200_000 });
  expect(all.content.length).toBeLessThanOrEqual(1024 * 1024);
  expect(all.content.endsWith('ü\n')).toBe(true);
  const part = await read('big', { offset: 150_000, limit: 2 });
  expect(part.content).toBe('line 150000 ü\nline 150001 ü\n');
});

test('a single endless line is cut at a whole character', async () => {
  await put('long', 'ü'.repeat(1_000_000));
  const { content, truncated, totalLines } = await read('long');
  expect(truncated).toBe(true);
  expect(totalLines).toBe(1);
  expect(content).toBe('ü'.repeat(512 * 1024));
});

test('what is no text is refused with a sentence: binaries, folders, pipes, what is missing', async () => {
  await put('bin', new Uint8Array([1, 0, 2]));
  spawnSync('mkfifo', [join(home, 'pipe')]);
  await expect(read('bin')).rejects.toThrow('binary file of 3 bytes');
  await expect(read('.')).rejects.toMatchObject({ code: 'is_directory' });
  await expect(read('pipe')).rejects.toThrow('not a regular file');
  await expect(read('missing')).rejects.toMatchObject({ code: 'not_found' });
  await expect(read('bin/x')).rejects.toThrow('is a file, not a directory');
  await expect(read('a\0b')).rejects.toMatchObject({ code: 'invalid' });
});

test('a folder that becomes a link to another one grants nothing there', async () => {
  await put('a.txt', 'mine');
  await expect(read('a.txt')).resolves.toMatchObject({ content: 'mine' });
  await rm(join(base, 'readable'), { recursive: true });
  await symlink(outside, join(base, 'readable'));
  await expect(read(join(base, 'readable/secret'))).rejects.toMatchObject({ code: 'outside_home' });
});

test('neither a path nor a link leads outside; further folders are for reading only', async () => {
  await symlink(outside, join(home, 'link'));
  await symlink(join(outside, 'new'), join(home, 'dangling'));
  await writeFile(join(base, 'readable', 'log'), 'text');
  for (const path of [join(outside, 'secret'), '../outside/secret', 'link/secret', '~/../outside/secret']) {
    await expect(read(path)).rejects.toMatchObject({ code: 'outside_home' });
  }
  await expect(write('dangling', 'x')).rejects.toMatchObject({ code: 'outside_home' });
  await expect(write('link/deep/file', 'x')).rejects.toMatchObject({ code: 'outside_home' });
  await expect(edit('link/secret', 'hidden', 'x')).rejects.toMatchObject({ code: 'outside_home' });
  expect((await read(join(base, 'readable/log'))).content).toBe('text');
  await expect(write(join(base, 'readable/log'), 'x')).rejects.toThrow('may write');
  await expect(read(`${home}-other/file`)).rejects.toMatchObject({ code: 'outside_home' });
  await write(join(base, 'tmp/x'), 'scratch');
  expect(await readdir(outside)).toEqual(['secret']);
});

test('links that form a loop are named, not followed', async () => {
  await symlink(join(home, 'b'), join(home, 'a'));
  await symlink(join(home, 'a'), join(home, 'b'));
  await expect(write('a', 'x')).rejects.toThrow('loop');
});

test('writing makes folders, keeps the mode, goes through links and leaves nothing else behind', async () => {
  expect(await write('deep/er/file', 'x')).toEqual({ created: true, bytes: 1, hash: sha256('x') });
  const script = await put('run.sh', 'old');
  await chmod(script, 0o755);
  await symlink(script, join(home, 'alias'));
  expect(await write('alias', 'new')).toMatchObject({ created: false });
  expect(await readFile(script, 'utf8')).toBe('new');
  expect((await stat(script)).mode & 0o777).toBe(0o755);
  expect((await readdir(home)).toSorted()).toEqual(['alias', 'deep', 'run.sh']);
  await symlink('later', join(home, 'ahead'));
  await write('ahead', 'there');
  expect(await readFile(join(home, 'later'), 'utf8')).toBe('there');
});

test('a write or edit that expects other content is refused and changes nothing', async () => {
  const file = await put('a', 'now');
  await expect(write('a', 'x', sha256('before'))).rejects.toMatchObject({ code: 'changed' });
  const stale = {
    path: 'a',
    oldString: 'now',
    newString: 'x',
    replaceAll: false,
    expectedHash: sha256('before'),
  };
  await expect(editFile(stale, confinement)).rejects.toMatchObject({ code: 'changed' });
  expect(await readFile(file, 'utf8')).toBe('now');
  await write('a', 'x', sha256('now'));
});

test('an edit replaces one exact place and shows it', async () => {
  const file = await put('a', 'one\ntwo\nthree\n');
  const { snippet, replacements } = await edit('a', 'two', '2\n2b');
  expect(await readFile(file, 'utf8')).toBe('one\n2\n2b\nthree\n');
  expect(replacements).toBe(1);
  expect(snippet).toContain('     2\t2\n     3\t2b');
});

test('dollar signs in the new text mean themselves', async () => {
  const file = await put('a', 'x y x');
  await edit('a', 'x', "$& $1 $'", true);
  expect(await readFile(file, 'utf8')).toBe("$& $1 $' y $& $1 $'");
});

test('a place that is not unique is refused with its lines, unless all are meant', async () => {
  await put('a', 'x\ny\nx\n');
  await expect(edit('a', 'x', 'z')).rejects.toThrow('2 times in');
  await expect(edit('a', 'x', 'z')).rejects.toThrow('lines 1, 3');
  expect(await edit('a', 'x', 'z', true)).toMatchObject({ replacements: 2 });
});

test('an edit in a file with CRLF and a byte order mark keeps both', async () => {
  const file = await put('a', '\ufeffone\r\ntwo\r\n');
  expect((await read('a')).content).toBe('one\r\ntwo\r\n');
  await edit('a', 'one\ntwo', 'eins\nzwei\ndrei');
  expect(await readFile(file, 'utf8')).toBe('\ufeffeins\r\nzwei\r\ndrei\r\n');
});

test('where line ends are mixed, those around the edit stay', async () => {
  const file = await put('a', 'one\r\ntwo\nthree\n');
  await edit('a', 'two\nthree', '2\n3');
  await edit('a', 'one\n2', '1\n2');
  expect(await readFile(file, 'utf8')).toBe('1\r\n2\n3\n');
});

test('an edit that matches nothing is told what comes closest', async () => {
  await put('a.ts', 'function f() {\n    return 1;\n}\nconst total = add(a, b);\n');
  await expect(edit('a.ts', 'function f() {\n  return 1;\n}', 'x')).rejects.toThrow(
    /Closest is line 2.*white space/,
  );
  await expect(edit('a.ts', 'const total = sum(a, b);', 'x')).rejects.toThrow('Closest is line 4');
  await expect(edit('a.ts', 'entirely different', 'x')).rejects.toThrow('read the file again');
  await expect(edit('a.ts', '', 'x')).rejects.toThrow('use Write');
});

test('edits of one file at the same time all take effect, also through a link and after one that fails', async () => {
  const names = Array.from({ length: 20 }, (_, index) => `<${index}>`);
  const file = await put('a', names.join('\n'));
  await symlink(file, join(home, 'alias'));
  const failing = expect(edit('a', 'nowhere', 'x')).rejects.toMatchObject({ code: 'no_match' });
  await Promise.all(names.map((name, index) => edit(index % 2 ? 'a' : 'alias', name, `done${index}`)));
  await failing;
  expect(await readFile(file, 'utf8')).toBe(names.map((_, index) => `done${index}`).join('\n'));
});

test('of two writes that expect the same content one is made and the other refused', async () => {
  await put('a', 'now');
  const both = await Promise.allSettled(['x', 'y'].map((content) => write('a', content, sha256('now'))));
  expect(both.map((one) => one.status).toSorted()).toEqual(['fulfilled', 'rejected']);
});

test('a file that is not UTF-8 is not touched', async () => {
  const file = await put('latin', Buffer.from([0x61, 0xe9, 0x62]));
  await expect(edit('latin', 'a', 'x')).rejects.toThrow('not UTF-8');
  expect((await readFile(file)).length).toBe(3);
});

test('glob finds by ** and braces, the newest first, without node_modules and .git unless asked', async () => {
  await put('src/a.ts', '', 100);
  await put('src/deep/er/b.tsx', '', 300);
  await put('src/c.js', '', 200);
  await put('node_modules/x/d.ts', '', 400);
  await put('.git/e.ts', '', 400);
  await put('.config/f.ts', '', 50);
  await mkdir(join(home, 'folder.ts'));
  const names = async (pattern: string, path?: string) =>
    (await findFiles({ pattern, ...(path ? { path } : {}) }, confinement)).paths.map((found) =>
      found.slice(home.length + 1),
    );
  expect(await names('**/*.{ts,tsx}')).toEqual(['src/deep/er/b.tsx', 'src/a.ts', '.config/f.ts']);
  expect(await names('*.ts', 'src')).toEqual(['src/a.ts']);
  expect(await names(`${home}/src/**`)).toEqual(['src/deep/er/b.tsx', 'src/c.js', 'src/a.ts']);
  expect(await names('node_modules/**/*.ts')).toEqual(['node_modules/x/d.ts']);
  expect(await names('src/a.ts')).toEqual(['src/a.ts']);
  expect(await names('**/*.none')).toEqual([]);
});

test('glob stays inside and says when there is more', async () => {
  await expect(findFiles({ pattern: `${outside}/*` }, confinement)).rejects.toMatchObject({
    code: 'outside_home',
  });
  await expect(findFiles({ pattern: '../outside/*' }, confinement)).rejects.toMatchObject({
    code: 'outside_home',
  });
  await expect(findFiles({ pattern: '*/../../outside/*' }, confinement)).rejects.toMatchObject({
    code: 'invalid',
  });
  await expect(findFiles({ pattern: '*', path: 'missing' }, confinement)).rejects.toMatchObject({
    code: 'not_found',
  });
  await Promise.all(Array.from({ length: 101 }, (_, index) => put(`many/${index}`, '')));
  const { paths, truncated } = await findFiles({ pattern: 'many/*' }, confinement);
  expect([paths.length, truncated]).toEqual([100, true]);
});

const grep = (request: Partial<GrepRequest> & { pattern: string }, change: Partial<GrepContext> = {}) =>
  searchFiles(
    { outputMode: 'files_with_matches', ...request },
    { confinement, program: 'rg', env: { PATH: process.env.PATH ?? '' }, ...change },
    new AbortController().signal,
  );

test('grep lists files the newest first, shows lines, and counts', async () => {
  const old = await put('old.ts', 'needle\nhay\nNeedle\n', 100);
  const recent = await put('new.py', 'a needle\n', 200);
  await put('.git/x', 'needle');
  expect(await grep({ pattern: 'needle' })).toEqual({ output: `${recent}\n${old}`, truncated: false });
  expect(await grep({ pattern: 'needle', headLimit: 1 })).toEqual({ output: recent, truncated: true });
  expect((await grep({ pattern: 'needle', type: 'py' })).output).toBe(recent);
  expect((await grep({ pattern: 'needle', glob: '*.ts' })).output).toBe(old);
  const content = { outputMode: 'content' as const, path: 'old.ts' };
  expect((await grep({ pattern: 'NEEDLE', ignoreCase: true, ...content })).output).toBe(
    `${old}:1:needle\n${old}:3:Needle`,
  );
  expect((await grep({ pattern: 'hay', before: 1, lineNumbers: false, ...content })).output).toBe(
    `${old}-needle\n${old}:hay`,
  );
  expect((await grep({ pattern: 'needle.hay', multiline: true, ...content })).output).toContain('2:hay');
  expect((await grep({ pattern: 'needle', outputMode: 'count', path: 'old.ts' })).output).toBe(`${old}:1`);
  expect(await grep({ pattern: 'nowhere' })).toEqual({ output: '', truncated: false });
});

test('a pattern is never taken for an option or by a shell', async () => {
  const file = await put('a', '--files $(touch pwned)\n');
  expect((await grep({ pattern: '--files' })).output).toBe(file);
  expect((await grep({ pattern: '\\$\\(touch' })).output).toBe(file);
  expect(await readdir(home)).toEqual(['a']);
});

test('grep says what is wrong: the pattern, the place, a missing ripgrep', async () => {
  await expect(grep({ pattern: '(' })).rejects.toThrow('unclosed group');
  await expect(grep({ pattern: 'x', path: outside })).rejects.toMatchObject({ code: 'outside_home' });
  await expect(grep({ pattern: 'x', path: 'missing' })).rejects.toMatchObject({ code: 'not_found' });
  await expect(grep({ pattern: 'x' }, { program: join(base, 'no-rg') })).rejects.toThrow(
    'install the package ripgrep',
  );
});

test('a search that finds too much is cut at a whole line', async () => {
  await put('big', `${'needle in a line\n'.repeat(100_000)}`);
  const { output, truncated } = await grep({ pattern: 'needle', outputMode: 'content' });
  expect(truncated).toBe(true);
  expect(output.endsWith('needle in a line')).toBe(true);
  expect(output.length).toBeLessThanOrEqual(1024 * 1024);
});
