import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileRefused, readRegular } from './regular-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dormouse-regular-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('a file that somebody else may have put there', () => {
  it('is read', async () => {
    await writeFile(join(folder, 'it'), 'its content');
    expect((await readRegular(join(folder, 'it'), 11)).toString()).toBe('its content');
  });

  it('is not read beyond the limit, whatever size it says it has', async () => {
    await writeFile(join(folder, 'it'), '');
    await truncate(join(folder, 'it'), 2 ** 42);
    await expect(readRegular(join(folder, 'it'), 1024)).rejects.toThrow(/at most 1024 are read/);
  });

  it.each<[string, RegExp, (path: string) => unknown]>([
    ['a link', /a symbolic link/, (path) => symlink('/etc/hostname', path)],
    ['a link to a device', /a symbolic link/, (path) => symlink('/dev/zero', path)],
    ['a folder', /a folder/, (path) => mkdir(path)],
    ['a pipe that nobody writes', /a named pipe/, (path) => execFileSync('mkfifo', [path])],
    ['a device that never ends', /a device/, (path) => execFileSync('mknod', [path, 'c', '1', '5'])],
  ])('is refused at once where it is %s', async (_, words, make) => {
    const path = join(folder, 'it');
    await make(path);
    await expect(readRegular(path, 1024)).rejects.toThrow(words);
    await expect(readRegular(path, 1024)).rejects.toBeInstanceOf(FileRefused);
  });

  it('is refused where it is a socket', async () => {
    const server = createServer().listen(join(folder, 'it'));
    await once(server, 'listening');
    await expect(readRegular(join(folder, 'it'), 1024)).rejects.toThrow(/a socket/);
    server.close();
  });
});
