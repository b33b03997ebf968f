import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { sweep, type WriteBack } from '../../agentd/testing/power-cut.ts';
import type { ProcessImage } from '../../protocol/tools-api.ts';
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

/** Restores nothing, and says that it was asked to. */
function imagesOf(restored: () => void): ProcessImages {
  const adopts = { sessions: () => [], adopt: () => undefined };
  return new ProcessImages({
    criu: { restore: async () => restored() } as unknown as Criu,
    folder: join(volume, 'images'),
    services: adopts,
    background: adopts,
    terminals: adopts,
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
