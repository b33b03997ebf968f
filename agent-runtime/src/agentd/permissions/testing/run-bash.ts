import { spawn } from 'node:child_process';
import { shellArguments } from '../../../workspaced/exec/shell.ts';

/** What a real bash prints for a command that it is given as the tool gives it, in at most 4 s. */
export function runBash(command: string, cwd: string, env: Record<string, string>): Promise<string> {
  return new Promise((resolve) => {
    // As the tool does it: where its input is a socket, bash reads ~/.bashrc even so.
    const child = spawn('/bin/bash', shellArguments(command), {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 4_000,
      killSignal: 'SIGKILL',
    });
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
    // Closed when the last process that it started is gone, too.
    child.once('close', () => resolve(printed));
  });
}
