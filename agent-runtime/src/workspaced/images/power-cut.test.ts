import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { sweep, type WriteBack } from '../../agentd/testing/power-cut.ts';
import type { ProcessImage } from '../../protocol/tools-api.ts';
import { syncFolders } from '../checkpoint/sync.ts';
import { jsonLog } from '../log.ts';
import type { Criu } from './criu.ts';
import { digestFolder } from './digest.ts';
import { type ImagesContext, ProcessImages } from './process-images.ts';

vi.mock('node:fs/promises', async (original) => {
  const { observed } = await import('../../agentd/testing/observed-fs.ts');
  return observed(await original());
});

const web = { name: 'web', command: ['serve'], restart: 'Always' as const };
let volume: string;
beforeEach(async () => {
  volume = await mkdtemp(join(tmpdir(), 'dormouse-images-cut-'));
});
afterEach(() => rm(volume, { recursive: true, force: true }));

const nothing = { sessions: () => [], adopt: () => undefined };

/** Images of these services, without criu: `restored` is told of each that would run again. */
function imagesOf(restored: () => void, services: object = nothing): ProcessImages {
  return new ProcessImages({
    criu: {
      restore: async () => restored(),
      dump: async (_: number, into: string) => {
        await writeFile(join(into, 'core.img'), 'registers');
        await writeFile(join(into, 'pages-1.img'), 'memory');
      },
    } as unknown as Criu,
    folder: join(volume, 'images'),
    services,
    background: nothing,
    terminals: nothing,
    log: jsonLog(
      () => undefined,
      () => new Date(),
    ),
  } as unknown as ImagesContext);
}

it.each<[WriteBack]>([['late'], ['names first']])(
  'an image is used once, wherever the power goes, and never keeps a wake waiting (%s)',
  { timeout: 120_000 },
  async (writeBack) => {
    let image: ProcessImage;
    const { cuts } = await sweep(volume, writeBack, {
      prepare: async () => {
        const folder = join(volume, 'images/00000001/service-web');
        await mkdir(folder, { recursive: true });
        await writeFile(join(folder, 'pages-1.img'), 'memory');
        const files = await digestFolder(folder);
        image = { kind: 'service', id: 'web', pid: process.pid, service: web, files };
      },
      run: async (mark) => {
        const outcomes = await imagesOf(() => mark('runs')).restore('00000001', [image], [web]);
        expect(outcomes).toEqual([{ kind: 'service', id: 'web' }]);
      },
      check: async ({ mark }) => {
        let again = 0;
        const restored = () => {
          again += 1;
        };
        const [outcome] = await imagesOf(restored).restore('00000001', [image], [web]);
        // The processes changed files since: what the image holds of these is wrong.
        if (mark === 'runs') expect(again).toBe(0);
        expect(outcome?.lost === undefined).toBe(again === 1);
      },
    });
    expect(cuts).toBeGreaterThan(3);
  },
);

it.each<[WriteBack]>([['late'], ['names first']])(
  'an image that was dumped is whole or not used, and gone for good before its processes go on (%s)',
  { timeout: 120_000 },
  async (writeBack) => {
    // Its own leader, as workspaced starts them; SIGCONT does it no harm.
    const child = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
    const pid = child.pid ?? 0;
    const services = {
      ...nothing,
      sessions: () => [{ spec: web, session: { pid, members: () => [pid] } }],
    };
    const manifests: ProcessImage[][] = [];
    try {
      await sweep(volume, writeBack, {
        prepare: async () => {
          // Left by a pod whose images nobody asked for.
          const before = join(volume, 'images/00000001/service-web');
          await mkdir(before, { recursive: true });
          await writeFile(join(before, 'pages-1.img'), 'memory of then');
        },
        run: async (mark) => {
          const images = imagesOf(() => undefined, services);
          const continued = vi.spyOn(process, 'kill').mockImplementation((_, signal) => {
            if (signal === 'SIGCONT') mark('goes on');
            return true;
          });
          const { images: dumped, lost } = await images.dump('00000002', false);
          expect({ lost, ids: dumped.map(({ id }) => id) }).toEqual({ lost: [], ids: ['web'] });
          manifests.push(dumped);
          mark('dumped');
          await syncFolders([volume]);
          // The manifest names it from here on.
          mark('on disk');
          await images.thaw();
          expect(continued).toHaveBeenCalledWith(pid, 'SIGCONT');
          continued.mockRestore();
        },
        check: async ({ mark, step }) => {
          const [image] = manifests[0] ?? [];
          let again = 0;
          const [outcome] = await imagesOf(() => {
            again += 1;
          }).restore('00000002', [{ ...(image as ProcessImage), pid: process.pid }], [web]);
          if (mark === 'goes on') expect(again).toBe(0);
          // Nothing of it has been removed yet.
          if (mark === 'on disk' && step.startsWith('rm ')) expect(again).toBe(1);
          expect(outcome?.lost === undefined).toBe(again === 1);
          expect(await readdir(volume)).not.toContain('images');
        },
      });
    } finally {
      child.kill('SIGKILL');
    }
  },
);
