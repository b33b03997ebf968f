import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { jsonLog } from '../log.ts';
import type { Criu } from './criu.ts';
import { digestFolder } from './digest.ts';
import { type ImagesContext, ProcessImages } from './process-images.ts';

const spec = (name: string) => ({ name, command: ['serve'], restart: 'Always' as const });
let folder: string;
let children: ChildProcess[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dormouse-with-key-'));
  children = [1, 2].map(() => spawn('sleep', ['600'], { detached: true, stdio: 'ignore' }));
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

/** Two services: `old` was restored from an image that says nothing of the key, `new` was started in this pod. */
async function marksOf(withoutKey: boolean): Promise<Record<string, boolean | undefined>> {
  const [old = 0, fresh = 0] = children.map(({ pid }) => pid ?? 0);
  const nothing = { sessions: () => [], adopt: () => undefined };
  const session = (pid: number) => ({ pid, members: () => [pid] });
  const sessions = () => [
    { spec: spec('old'), session: session(old) },
    { spec: spec('new'), session: session(fresh) },
  ];
  const images = new ProcessImages({
    criu: {
      restore: async () => undefined,
      dump: async (_: number, into: string) => writeFile(join(into, 'pages-1.img'), 'memory'),
    } as unknown as Criu,
    folder: join(folder, 'images'),
    withoutKey,
    services: { sessions, adopt: () => undefined },
    background: nothing,
    terminals: nothing,
    log: jsonLog(
      () => undefined,
      () => new Date(),
    ),
  } as unknown as ImagesContext);
  const into = join(folder, 'images/00000001/service-old');
  await mkdir(into, { recursive: true });
  await writeFile(join(into, 'pages-1.img'), 'memory');
  const image = { kind: 'service' as const, id: 'old', pid: old, service: spec('old') };
  const restored = { ...image, files: await digestFolder(into) };
  expect(await images.restore('00000001', [restored], [spec('old')])).toEqual([
    { kind: 'service', id: 'old' },
  ]);
  const dumped = await images.dump('00000002', false);
  return Object.fromEntries(dumped.images.map((each) => [each.id, each.withoutKey]));
}

it('what came from an image that does not say so is never said to be without a key', async () => {
  expect(await marksOf(true)).toEqual({ old: undefined, new: true });
});

it('where programs are started with the key nothing is', async () => {
  expect(await marksOf(false)).toEqual({ old: undefined, new: undefined });
});
