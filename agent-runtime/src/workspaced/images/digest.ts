import { createHash } from 'node:crypto';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ImageFile } from '../../protocol/tools-api.ts';
import { kindOf, openRegular } from '../../regular-file/regular-file.ts';
import { absent } from '../output/retention.ts';

/** What criu writes for people, and the record of how much memory it wrote: no part of the image. */
const beside = /\.log$|^stats-/;

/** The files of an image with their digests, by name. 1.6 ms for a MB. */
export async function digestFolder(folder: string): Promise<ImageFile[]> {
  const files: ImageFile[] = [];
  for (const name of (await readdir(folder)).sort()) {
    if (!beside.test(name)) files.push({ name, ...(await digestFile(join(folder, name))) });
  }
  return files;
}

/**
 * Why a folder does not hold these files as they were written, and nothing else; undefined where it does. To be asked before every
 * restore: with cut pages criu hangs, and with other ones it brings back a process whose memory is wrong. The folder is one that
 * tools can write: what is no plain file of the right size is not even opened for reading. Rejects when `signal` does, which a file that
 * says it has a terabyte takes.
 */
export async function damage(
  folder: string,
  files: readonly ImageFile[],
  signal?: AbortSignal,
): Promise<string | undefined> {
  const there = await lstat(folder);
  if (!there.isDirectory()) return `its image is ${kindOf(there)}, not a folder`;
  const named = new Set(files.map(({ name }) => name));
  if (named.size !== files.length) return 'its image names a file twice';
  for (const name of await readdir(folder)) {
    if (named.has(name)) continue;
    const log = beside.test(name) && (await lstat(join(folder, name))).isFile();
    if (!log) return `${name.slice(0, 100)} does not belong to its image`;
  }
  for (const { name, bytes, sha256 } of files) {
    const path = join(folder, name);
    const found = await lstat(path).catch(absent);
    if (found === undefined) return `${name} of its image is missing`;
    if (!found.isFile()) return `${name} of its image is ${kindOf(found)}`;
    if (found.size !== bytes) return `${name} of its image has ${found.size} bytes, not ${bytes}`;
    if ((await digestFile(path, signal)).sha256 !== sha256)
      return `${name} of its image does not match its digest`;
  }
}

async function digestFile(path: string, signal?: AbortSignal): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  const handle = await openRegular(path);
  for await (const chunk of handle.createReadStream({ highWaterMark: 1024 * 1024, signal })) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: hash.digest('hex') };
}
