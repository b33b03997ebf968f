import { join } from 'node:path';

/** Libraries beside criu that are preloaded: one hides io_uring, one makes files of shared memory of System V. */
const libraries = ['no-io-uring.so', 'sysv-shm.so'] as const;

/**
 * Tells watchers of files to look at them from time to time, as inotify cannot be dumped: those of Vite and others by
 * chokidar, of webpack and Next.js by watchpack, of TypeScript. What the workspace itself declares goes before.
 */
const polling = {
  CHOKIDAR_USEPOLLING: '1',
  WATCHPACK_POLLING: 'true',
  TSC_WATCHFILE: 'DynamicPriorityPolling',
  TSC_WATCHDIRECTORY: 'DynamicPriorityPolling',
};

/** The paths of the libraries beside criu that this image has. Older images have fewer. */
export async function preloadsIn(
  folder: string,
  exists: (path: string) => Promise<boolean>,
): Promise<string[]> {
  const paths = libraries.map((name) => join(folder, name));
  const found = await Promise.all(paths.map(exists));
  return paths.filter((_, index) => found[index]);
}

/** The environment of processes that shall be dumped: with it, much is not used that could not be. */
export function withRemedies(
  env: Readonly<Record<string, string>>,
  preloads: readonly string[],
): Record<string, string> {
  const preload = [...preloads, ...(env.LD_PRELOAD ? [env.LD_PRELOAD] : [])].join(':');
  return { ...polling, ...env, ...(preload === '' ? {} : { LD_PRELOAD: preload }) };
}
