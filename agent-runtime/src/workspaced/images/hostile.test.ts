import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contentsOf, damages, inflict, makeOutside } from '../../agentd/testing/hostile.ts';
import type { ImageFile } from '../../protocol/tools-api.ts';
import { damage, digestFolder } from './digest.ts';

const names = ['core-321.img', 'pages-1.img', 'inventory.img'];
const runs = Number(process.env.DORMOUSE_FUZZ_RUNS ?? 100);

let base: string;
let template: string;
let files: ImageFile[];

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'dormouse-images-'));
  template = join(base, 'image');
  await makeOutside(join(base, 'outside'));
  await mkdir(template);
  for (const name of names) await writeFile(join(template, name), `"the" content "of" ${name}`);
  files = await digestFolder(template);
});
afterAll(() => rm(base, { recursive: true, force: true }));

describe('a process image that a tool could get at', () => {
  it('is taken for whole only where each file is as it was and none was added, and looking at it never waits', {
    timeout: 120_000,
  }, async () => {
    const original = await contentsOf(template);
    const before = await contentsOf(join(base, 'outside'));
    const copy = join(base, 'copy');
    await fc.assert(
      fc.asyncProperty(damages([...names, 'fdinfo-2.img', 'restore.log']), async (list) => {
        await rm(copy, { recursive: true, force: true });
        await cp(template, copy, { recursive: true });
        for (const each of list) await inflict(copy, join(base, 'outside'), each);
        const found = await damage(copy, files);
        const { 'restore.log': log, ...now } = await contentsOf(copy);
        const plainLog = log === undefined || /^\d+ (bytes|[0-9a-f]{64})$/.test(log);
        const same =
          plainLog &&
          names.every((name) => now[name] === original[name]) &&
          Object.keys(now).length === names.length;
        expect(found === undefined, found).toBe(same);
        expect(await contentsOf(join(base, 'outside'))).toEqual(before);
      }),
      { numRuns: runs, endOnFailure: true },
    );
  });

  it('is not whole where the manifest names a file twice, or the folder is a link to one', async () => {
    expect(await damage(template, [...files, ...files.slice(0, 1)])).toBe('its image names a file twice');
    await symlink(template, join(base, 'link'));
    expect(await damage(join(base, 'link'), files)).toContain('a symbolic link, not a folder');
  });

  it('that says it has a terabyte is given up when the time is over', async () => {
    const [first] = files;
    if (first === undefined) throw new Error('no file');
    const folder = join(base, 'huge');
    await mkdir(folder);
    await inflict(folder, base, { path: first.name, kind: 'huge', at: 0, text: '' });
    const said = [{ ...first, bytes: 2 ** 40 }];
    await expect(damage(folder, said, AbortSignal.timeout(50))).rejects.toThrow(/abort/i);
  });

  it('of no size is not read from a device', async () => {
    const nothing = [{ name: 'core-321.img', bytes: 0, sha256: 'e'.repeat(64) }];
    const folder = join(base, 'devices');
    await mkdir(folder);
    await inflict(folder, base, { path: 'core-321.img', kind: 'device', at: 0, text: '' });
    expect(await damage(folder, nothing)).toBe('core-321.img of its image is a device');
  });
});
