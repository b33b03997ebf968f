import { once } from 'node:events';
import { chmod, lstat, mkdir } from 'node:fs/promises';
import type { Server } from 'node:http';
import { dirname } from 'node:path';
import { absent, unlinkIfThere } from './output/retention.ts';

/** Owner and group, which is the volume's: `agentd` is another user of it. Nobody else. */
const mode = 0o770;

/** Listens on a Unix socket, in place of one that an earlier process left behind. */
export async function listenOn(server: Server, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  if ((await lstat(path).catch(absent))?.isSocket()) await unlinkIfThere(path);
  // The socket is never open to others, not even before chmod.
  const umask = process.umask(0o777 & ~mode);
  try {
    server.listen(path);
    await once(server, 'listening');
  } finally {
    process.umask(umask);
  }
  await chmod(path, mode);
}
