import { posix } from 'node:path';
import type { CollectResult } from '../../protocol/tools-api.ts';
import type { ContextSource } from '../context/source.ts';
import type { Plugin } from '../plugins/plugin.ts';
import {
  type Parsed,
  parsePluginFile,
  parsePluginServers,
  parseProjectFile,
  parseUserFile,
} from './declared.ts';

/** Bytes of a file that names servers. */
const maxBytes = 1024 * 1024;

/**
 * The servers that files of the workspace name, those of the nearer file first: this project's in `~/.claude.json`, `.mcp.json`, the
 * user's in `~/.claude.json`; then those of plugins. One round trip. Rejects as `ContextSource.collect` does.
 */
export async function readServerFiles(
  project: string,
  source: ContextSource,
  plugins: readonly Plugin[] = [],
): Promise<Parsed> {
  const projectFile = posix.join(project, '.mcp.json');
  const userFile = posix.join(source.home, '.claude.json');
  const ofPlugins = plugins.flatMap(({ places }) => places.mcp);
  const found = await source.collect({
    files: [projectFile, userFile, ...ofPlugins],
    folders: [],
    maxFileBytes: maxBytes,
  });
  const usable: TextOf = (path) => textOf(found, path);
  const user = usable(userFile);
  const own = usable(projectFile);
  const [local, everywhere] = user === undefined ? [] : parseUserFile(userFile, user, project);
  const parts: (Parsed | undefined)[] = [
    local,
    own === undefined ? undefined : parseProjectFile(projectFile, own),
    everywhere,
  ];
  parts.push(...plugins.flatMap((plugin) => ofPlugin(plugin, usable)));
  return together(found, parts);
}

/** The servers of one plugin. Rejects as `ContextSource.collect` does. */
export async function readPluginServers(plugin: Plugin, source: ContextSource): Promise<Parsed> {
  const found = await source.collect({ files: plugin.places.mcp, folders: [], maxFileBytes: maxBytes });
  return together(
    found,
    ofPlugin(plugin, (path) => textOf(found, path)),
  );
}

type TextOf = (path: string) => string | undefined;

/** Undefined where the file is not there, or is too large. */
function textOf({ files }: CollectResult, path: string): string | undefined {
  const file = files.find((each) => each.path === path);
  return file?.truncated === false ? file.content : undefined;
}

function ofPlugin(plugin: Plugin, usable: TextOf): Parsed[] {
  const parts: Parsed[] = [];
  for (const path of plugin.places.mcp) {
    const text = usable(path);
    if (text !== undefined) parts.push(parsePluginFile(plugin, path, text));
  }
  const { path, mcpServers } = plugin.inline;
  if (mcpServers !== undefined) parts.push(parsePluginServers(plugin, path, mcpServers));
  return parts;
}

function together({ files }: CollectResult, parts: readonly (Parsed | undefined)[]): Parsed {
  const tooLarge = files
    .filter(({ truncated }) => truncated)
    .map(({ path }) => `${path} is larger than ${maxBytes} bytes: its MCP servers are not read.`);
  return {
    servers: parts.flatMap((part) => part?.servers ?? []),
    problems: [...tooLarge, ...parts.flatMap((part) => part?.problems ?? [])],
  };
}
