import { type AutoMemory, autoMemoryOf } from '../context/memory/auto-memory.ts';
import type { SettingsFile } from '../settings/settings.ts';
import { ToolRefused, ToolsUnavailable } from '../tools/tools-client.ts';
import type { SessionHost } from './host.ts';
import type { SessionLogs } from './logs.ts';
import { projectOf } from './scope.ts';

/** Where this session keeps its notes. Undefined: nowhere, as it is a subagent, it is switched off, or the tools cannot say. */
export async function autoMemoryFor(
  where: { logs: SessionLogs; host: SessionHost },
  settings: Promise<{ files: readonly SettingsFile[] }>,
  signal: AbortSignal,
): Promise<AutoMemory | undefined> {
  const { client, home, log, subagent } = where.host;
  if (subagent !== undefined) return undefined;
  try {
    // Beside each other: where the tools do not answer, both wait for them.
    const [{ files }, environment] = await Promise.all([settings, client.environment(signal)]);
    return autoMemoryOf(projectOf(where), home, files, environment);
  } catch (error) {
    if (!(error instanceof ToolRefused || error instanceof ToolsUnavailable)) throw error;
    log.warn({ err: error }, 'whether there is a memory cannot be told');
    return undefined;
  }
}
