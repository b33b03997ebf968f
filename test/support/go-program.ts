import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '../..');
const cache = join(
  process.env.DORMOUSE_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'dormouse'),
  'test-programs',
);

/**
 * The path of a static program, compiled where that was not done yet from these sources.
 * @param folder of a Go module, below the checkout
 * @param of which package of it or of what it requires
 */
export async function goProgram(folder: string, of = '.'): Promise<string> {
  const from = join(root, folder);
  const hash = createHash('sha256').update(of);
  for (const name of (await readdir(from)).sort())
    if (/\.(go|mod|sum)$/.test(name)) hash.update(`${name}\n`).update(await readFile(join(from, name)));
  const name = of === '.' ? folder : of;
  const path = join(cache, `${name.replaceAll('/', '-')}-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(path)) return path;
  await mkdir(dirname(path), { recursive: true });
  const made = `${path}.${process.pid}`;
  const args = ['build', '-trimpath', '-buildvcs=false', '-ldflags', '-s -w', '-o', made, of];
  await promisify(execFile)('go', args, { cwd: from, env: { ...process.env, CGO_ENABLED: '0' } });
  await rename(made, path);
  return path;
}

/** restic, as it is in the image of the agent. */
export function resticProgram(): Promise<string> {
  return goProgram('agent-runtime/archive-engine', 'github.com/restic/restic/cmd/restic');
}
