import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { readRegular } from '../../regular-file/regular-file.ts';

/** What somebody did to one name below a folder. `at` and `text` are of use to some kinds alone. */
export interface Damage {
  path: string;
  kind: (typeof kinds)[number];
  at: number;
  text: string;
}

const kinds = [
  'missing',
  'cut',
  'flipped',
  'doubled',
  'other text',
  'huge',
  'long line',
  'deep',
  'link to a file outside',
  'link to a folder outside',
  'link to a device',
  'link to nothing',
  'second name of a file outside',
  'pipe',
  'device',
  'folder',
] as const;

/** Paths, numbers and structures that a document from elsewhere may hold where ours has a harmless one. */
const hostileText = fc.oneof(
  fc.constantFrom(
    '../../../outside/secret',
    'transcripts/../../outside/secret',
    '/etc/passwd',
    'transcripts/',
    '..',
    '.',
    '',
    '{}',
    '[]',
    'null',
    '{"version":2}',
    '{"version":1,"sequence":1e308}',
    '{"__proto__":{"version":1}}',
    '\u0000',
  ),
  fc.json(),
  fc.string({ unit: 'binary', maxLength: 200 }),
);

/** One to three damages to names out of `paths`. */
export function damages(paths: readonly string[]): fc.Arbitrary<Damage[]> {
  const one = fc.record({
    path: fc.constantFrom(...paths),
    kind: fc.constantFrom(...kinds),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    text: hostileText,
  });
  return fc.array(one, { minLength: 1, maxLength: 3 });
}

/** Does it, below `root`; `outside` is the folder that must stay as it is. */
export async function inflict(
  root: string,
  outside: string,
  { path, kind, at, text }: Damage,
): Promise<void> {
  const target = join(root, path);
  await wayTo(root, dirname(path));
  const before = await contentOf(target);
  await rm(target, { recursive: true, force: true });
  const position = Math.floor(at * Math.max(0, before.length - 1));
  switch (kind) {
    case 'missing':
      return;
    case 'cut':
      return writeFile(target, before.subarray(0, position));
    case 'flipped':
      before[position] = (before[position] ?? 0) ^ 1;
      return writeFile(target, before);
    case 'doubled':
      return writeFile(target, Buffer.concat([before, before]));
    case 'other text': {
      const quoted = before.toString().split('"');
      const which = 1 + 2 * Math.floor((at * (quoted.length - 1)) / 2);
      if (which < quoted.length) quoted[which] = JSON.stringify(text).slice(1, -1);
      return writeFile(target, at > 0.9 ? text : quoted.join('"'));
    }
    case 'huge':
      await writeFile(target, before);
      return truncate(target, 2 ** 40);
    case 'long line':
      return writeFile(target, Buffer.concat([Buffer.alloc(70 << 20, 'x'), Buffer.from('\n'), before]));
    case 'deep':
      return writeFile(
        target,
        `${'['.repeat(200_000)}${']'.repeat(200_000)}\n{"a":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_001)}\n`,
      );
    case 'link to a file outside':
      return symlink(join(outside, 'secret'), target);
    case 'link to a folder outside':
      return symlink(outside, target);
    case 'link to a device':
      return symlink('/dev/zero', target);
    case 'link to nothing':
      return symlink(join(outside, 'made'), target);
    case 'second name of a file outside':
      return link(join(outside, 'secret'), target);
    case 'pipe':
      await promisify(execFile)('mkfifo', [target]);
      return;
    case 'device':
      await promisify(execFile)('mknod', [target, 'c', '1', '5']);
      return;
    case 'folder':
      await mkdir(join(target, 'in/it'), { recursive: true });
  }
}

/** A folder with something worth having in it. */
export async function makeOutside(folder: string): Promise<void> {
  await mkdir(join(folder, 'below'), { recursive: true });
  // A line that ends, and one that a reader of logs would cut off.
  await writeFile(join(folder, 'secret'), '{"key":"do not touch"}\n{"key":"torn');
  await writeFile(join(folder, 'main.jsonl'), '{"key":"neither"}\ntorn');
  await writeFile(join(folder, 'below/manifest.json'), '{}');
}

/** Everything below a folder, with a digest of each content, to compare with later. */
export async function contentsOf(folder: string): Promise<Record<string, string>> {
  const contents: Record<string, string> = {};
  for (const name of (await readdir(folder, { recursive: true })).sort()) {
    const path = join(folder, name);
    const stats = await lstat(path);
    if (stats.isSymbolicLink()) contents[name] = `-> ${await readlink(path)}`;
    else if (stats.size > 1 << 30) contents[name] = `${stats.size} bytes`;
    else if (stats.isFile())
      contents[name] = `${stats.mode} ${createHash('sha256')
        .update(await readFile(path))
        .digest('hex')}`;
    else contents[name] = `${stats.mode}`;
  }
  return contents;
}

/** Folders, where an earlier damage may have put something else. */
async function wayTo(root: string, path: string): Promise<void> {
  let folder = root;
  for (const name of path.split('/')) {
    folder = join(folder, name);
    const there = await lstat(folder).catch(() => undefined);
    if (there?.isDirectory()) continue;
    await rm(folder, { force: true });
    await mkdir(folder);
  }
}

/** Where an earlier damage was done, something that begins as a document of ours. */
async function contentOf(path: string): Promise<Buffer> {
  return readRegular(path, 1 << 20).catch(() => Buffer.from('{"version":1}\n'));
}
