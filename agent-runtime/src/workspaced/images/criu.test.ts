import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Criu, CriuFailure } from './criu.ts';

let folder: string;
let criu: Criu;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'criu-'));
  criu = new Criu(join(folder, 'criu'), join(folder, 'runtime'), { dumpMs: 10_000, restoreMs: 300 });
});
afterEach(() => rm(folder, { recursive: true }));

async function program(script: string): Promise<void> {
  await writeFile(join(folder, 'criu'), `#!/bin/sh\n${script}\n`);
  await chmod(join(folder, 'criu'), 0o755);
}

test('a restore that hangs is given up', async () => {
  await program('exec sleep 60');
  await expect(criu.restore(folder)).rejects.toThrow(new CriuFailure('criu did not end within 0.3 s'));
});

test('a failure has the words of the log, or how it ended where there are none', async () => {
  await program('echo "Error (criu/tty.c:1): tty: no master" >dump.log; exit 1');
  await expect(criu.dump(1, folder)).rejects.toThrow(/^it holds a terminal/);
  await program('exit 3');
  await rm(join(folder, 'dump.log'));
  await expect(criu.dump(1, folder)).rejects.toThrow('criu ended with code 3');
});

test('is not there without its program', async () => {
  expect(await criu.available()).toBe(false);
  await program('true');
  expect(await criu.available()).toBe(true);
  await expect(criu.dump(1, folder)).resolves.toBeUndefined();
});
