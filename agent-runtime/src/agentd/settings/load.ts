import { posix } from 'node:path';
import type { ToolsClient } from '../tools/tools-client.ts';
import { parseSettings, type SettingsFile, type SettingsScope } from './settings.ts';

/** Bytes of one file; a longer one is refused, since half of it is no JSON. */
const maxBytes = 256 * 1024;

export interface LoadedSettings {
  /** The user's first, then the project's, then the user's own for the project. */
  files: SettingsFile[];
  /** Sentences with a file and a line. */
  problems: string[];
}

/**
 * The settings files of a workspace, read through `workspaced` in one round trip. The model can write all of them. Rejects as
 * `ToolsClient.call` does.
 */
export async function loadSettings(
  project: string,
  home: string,
  client: ToolsClient,
  signal: AbortSignal,
): Promise<LoadedSettings> {
  const places = placesOf(project, home);
  const request = { files: places.map(({ path }) => path), folders: [], maxFileBytes: maxBytes };
  const found = await client.collect(request, signal);
  const problems = found.problems.map(({ path, message }) =>
    message.includes(path) ? message : `${path}: ${message}`,
  );
  const files: SettingsFile[] = [];
  for (const { path, scope } of places) {
    const file = found.files.find((it) => it.path === path);
    if (file === undefined) continue;
    const parsed = file.truncated
      ? { problem: `${path}:1: it has more than ${maxBytes} bytes.` }
      : parseSettings(path, file.content);
    if ('problem' in parsed) problems.push(parsed.problem);
    else files.push({ scope, path, text: file.content, settings: parsed.settings });
  }
  return { files, problems };
}

/** Where the project is the home, its settings are the user's. */
function placesOf(project: string, home: string): { scope: SettingsScope; path: string }[] {
  const user = posix.join(home, '.claude/settings.json');
  const shared = posix.join(project, '.claude/settings.json');
  return [
    { scope: 'user', path: user },
    ...(shared === user ? [] : [{ scope: 'project' as const, path: shared }]),
    { scope: 'local', path: posix.join(project, '.claude/settings.local.json') },
  ];
}
