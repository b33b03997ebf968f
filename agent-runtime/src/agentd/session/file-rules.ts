import { problemsOfExcludes } from '../context/memory/excludes.ts';
import { problemsOf, type RulesFile } from '../permissions/file-rules.ts';
import { type LoadedSettings, loadSettings } from '../settings/load.ts';
import { ToolRefused, ToolsUnavailable } from '../tools/tools-client.ts';
import type { SessionHost } from './host.ts';
import type { SessionLogs } from './logs.ts';
import { projectOf } from './scope.ts';

/** The settings files around a session. Where they cannot be read there is nothing but a sentence that says so. */
export async function settingsOf(
  where: { logs: SessionLogs; host: SessionHost },
  signal: AbortSignal,
): Promise<LoadedSettings> {
  const { client, home, log } = where.host;
  try {
    const { files, problems } = await loadSettings(projectOf(where), home, client, signal);
    problems.push(...problemsOf(rulesOf(files)), ...problemsOfExcludes(files));
    if (problems.length > 0) log.warn({ problems }, 'settings files are not as they should be');
    return { files, problems };
  } catch (error) {
    if (!(error instanceof ToolRefused || error instanceof ToolsUnavailable)) throw error;
    return { files: [], problems: [`The settings of the workspace cannot be read: ${error.message}.`] };
  }
}

/** What settings files forbid and have asked. */
export function rulesOf(files: LoadedSettings['files']): RulesFile[] {
  return files.map(({ path, settings }) => ({ path, permissions: settings.permissions }));
}
