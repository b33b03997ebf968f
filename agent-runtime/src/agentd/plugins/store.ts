import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { PluginConfig } from '../../protocol/plugins.ts';
import { syncFolder, writeDurably } from '../storage/durable-file.ts';
import type { PluginTree } from './tree.ts';

/** Pinned plugins on the volume: `NAME/PIN/…`. The workspace's container sees the folder, and cannot write there. */
export class PluginStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Where it lies below the folder: another source is another place. */
  place({ name, source }: Pick<PluginConfig, 'name' | 'source'>): string {
    const pin = createHash('sha256').update(JSON.stringify(source)).digest('hex').slice(0, 16);
    return join(name, pin);
  }

  async has(plugin: PluginConfig): Promise<boolean> {
    const found = await stat(join(this.#folder, this.place(plugin))).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return undefined;
    });
    return found?.isDirectory() === true;
  }

  /** Resolves when it is on disk, whole; a crash before leaves nothing under its name. */
  async put(plugin: PluginConfig, tree: PluginTree): Promise<void> {
    const target = join(this.#folder, this.place(plugin));
    const parts = `${target}.tmp`;
    await rm(parts, { recursive: true, force: true });
    await mkdir(parts, { recursive: true, mode: 0o750 });
    const folders = new Set<string>([parts]);
    for (const [path, { content, executable }] of tree.files) {
      const file = join(parts, path);
      for (let folder = dirname(file); !folders.has(folder); folder = dirname(folder)) folders.add(folder);
      await mkdir(dirname(file), { recursive: true, mode: 0o750 });
      await writeDurably(file, content);
      if (executable) await chmod(file, 0o750);
    }
    for (const folder of folders) await syncFolder(folder);
    await rm(target, { recursive: true, force: true });
    await rename(parts, target);
    await syncFolder(dirname(target));
  }

  /** Removes what none of these plugins is: earlier pins, and plugins that are no longer declared. */
  async keepOnly(plugins: readonly PluginConfig[]): Promise<void> {
    const kept = new Set(plugins.map((plugin) => this.place(plugin)));
    for (const name of await list(this.#folder)) {
      const pins = await list(join(this.#folder, name));
      for (const pin of pins) {
        if (!kept.has(join(name, pin)))
          await rm(join(this.#folder, name, pin), { recursive: true, force: true });
      }
      if (!plugins.some((plugin) => plugin.name === name))
        await rm(join(this.#folder, name), { recursive: true, force: true });
    }
  }
}

async function list(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
    return [];
  });
}
