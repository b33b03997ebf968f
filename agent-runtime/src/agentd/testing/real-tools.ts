import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestWorkspace } from './workspace.ts';

/** The real `workspaced` in place of a test workspace's scripted tools. Answers what ends it. */
export async function startRealTools(
  workspace: TestWorkspace,
  terminalHost: string,
): Promise<(signal?: NodeJS.Signals) => Promise<void>> {
  await workspace.tools.close();
  workspace.agentHome = workspace.home;
  const transcripts = join(workspace.folder, 'transcripts');
  await mkdir(transcripts, { recursive: true });
  // The daemon takes only folders that are there when it starts.
  const plugins = join(workspace.state, 'plugins');
  await mkdir(plugins, { recursive: true });
  const daemon = spawn(process.execPath, [join(import.meta.dirname, '../../workspaced/main.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      DORMOUSE_TOOLS_SOCKET: workspace.socketPath,
      DORMOUSE_HOME: workspace.home,
      DORMOUSE_PROCESSES: join(workspace.folder, 'processes'),
      DORMOUSE_TRANSCRIPTS: transcripts,
      DORMOUSE_PLUGINS: plugins,
      DORMOUSE_TERMINAL_HOST: terminalHost,
    },
  });
  for await (const line of createInterface({ input: daemon.stdout })) {
    if (JSON.parse(line).msg === 'ready') break;
  }
  daemon.stdout.resume();
  return async (signal = 'SIGTERM') => {
    if (daemon.exitCode !== null || daemon.signalCode !== null) return;
    const exited = once(daemon, 'exit');
    daemon.kill(signal);
    await exited;
  };
}
