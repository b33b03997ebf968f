import { execFile } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const source = join(import.meta.dirname, '../../../terminal-host');

/** Compiles the program that holds a terminal; answers its path, in a folder of its own. */
export async function compileTerminalHost(): Promise<string> {
  const program = join(await mkdtemp(join(tmpdir(), 'terminal-host-')), 'terminal-host');
  await promisify(execFile)('go', ['build', '-trimpath', '-buildvcs=false', '-o', program, '.'], {
    cwd: source,
    env: { ...process.env, CGO_ENABLED: '0' },
  });
  return program;
}
