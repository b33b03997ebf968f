import { problemsOf, type RulesFile } from '../permissions/file-rules.ts';
import { loadSettings } from '../settings/load.ts';
import { ToolRefused, ToolsUnavailable } from '../tools/tools-client.ts';
import type { SessionHost } from './host.ts';
import type { SessionLogs } from './logs.ts';
import { projectOf } from './scope.ts';

/**
 * What the settings files of a workspace forbid and have asked, for one turn. Where they cannot be read there is nothing: no
 * tool that could be kept from anything answers either.
 */
export async function rulesOfFiles(
  where: { logs: SessionLogs; host: SessionHost },
  signal: AbortSignal,
): Promise<RulesFile[]> {
  const { client, home, log } = where.host;
  try {
    const { files, problems } = await loadSettings(projectOf(where), home, client, signal);
    const rules = files.map(({ path, settings }) => ({ path, permissions: settings.permissions }));
    problems.push(...problemsOf(rules));
    if (problems.length > 0) log.warn({ problems }, 'settings files are not as they should be');
    return rules;
  } catch (error) {
    if (error instanceof ToolRefused || error instanceof ToolsUnavailable) return [];
    throw error;
  }
}
