import { cp, lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Relay } from './relay.ts';
import { syncTree } from './sync-tree.ts';

/** Where archives lie. Each half of a volume is one repository's worth of snapshots, in a bucket both are in the same. */
export type Repository =
  | {
      in: 'bucket';
      /** `NAMESPACE/WORKSPACE/UID`. */
      name: string;
      passwordFile: string;
      relay: Pick<Relay, 'problem'>;
      /** Of the relay. */
      url: string;
    }
  | {
      /** Beside the files themselves, so without a password: whoever reads the one reads the other. */
      in: 'volume';
      /** Of this half alone. */
      folder: string;
      /** Bytes that both halves may take; absent: any. */
      quota?: number;
      /** To restore: the repository of the claim from before, which comes along. */
      source?: string;
    };

/** What restic has to know to find it. To be read, it is the one that comes along. */
export function access(
  repository: Repository,
  to: 'read' | 'write',
): { env: Record<string, string>; options: string[] } {
  if (repository.in === 'bucket')
    return {
      env: {
        RESTIC_REPOSITORY: `rest:${repository.url}/v1/archives/${repository.name}/`,
        RESTIC_PASSWORD_FILE: repository.passwordFile,
      },
      options: [],
    };
  const folder = to === 'read' ? (repository.source ?? repository.folder) : repository.folder;
  return { env: { RESTIC_REPOSITORY: folder }, options: ['--insecure-no-password'] };
}

/** What a repository on the volume looks like from outside: restic names snapshots and locks by their ids. */
export async function look(folder: string): Promise<{ made: boolean; locked: boolean; snapshots: string[] }> {
  const names = await readdir(folder);
  if (!names.includes('config')) return { made: false, locked: false, snapshots: [] };
  const [locks, snapshots] = await Promise.all(
    ['locks', 'snapshots'].map((name) => readdir(join(folder, name))),
  );
  return { made: true, locked: locks?.length !== 0, snapshots: snapshots ?? [] };
}

/** Bytes on the disk of all that lies below a folder. What goes meanwhile is not counted. */
export async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const stats = await lstat(join(entry.parentPath, entry.name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    bytes += stats?.size ?? 0;
  }
  return bytes;
}

/** Replaces what lies in a folder by a copy of another one, flushed to the disk. */
export async function copyInto(source: string, folder: string): Promise<void> {
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true });
  // The folders themselves are the kubelet's: nobody here may change their times.
  for (const name of await readdir(source))
    await cp(join(source, name), join(folder, name), { recursive: true, preserveTimestamps: true });
  await syncTree(folder);
}
