import { posix } from 'node:path';
import type { ContextSource } from '../context/source.ts';
import type { Plugin } from '../plugins/plugin.ts';
import {
  type Declared,
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
): Promise<{ servers: Declared[]; problems: string[] }> {
  const projectFile = posix.join(project, '.mcp.json');
  const userFile = posix.join(source.home, '.claude.json');
  const ofPlugins = plugins.flatMap(({ places }) => places.mcp);
  const found = await source.collect({
    files: [projectFile, userFile, ...ofPlugins],
    folders: [],
    maxFileBytes: maxBytes,
  });
  const file = (path: string) => found.files.find((each) => each.path === path);
  const problems = found.files
    .filter(({ truncated }) => truncated)
    .map(({ path }) => `${path} is larger than ${maxBytes} bytes: its MCP servers are not read.`);
  const usable = (path: string) => {
    const { content, truncated } = file(path) ?? { content: '', truncated: true };
    return truncated ? undefined : content;
  };
  const user = usable(userFile);
  const own = usable(projectFile);
  const [local, everywhere] = user === undefined ? [] : parseUserFile(userFile, user, project);
  const parts: (Parsed | undefined)[] = [
    local,
    own === undefined ? undefined : parseProjectFile(projectFile, own),
    everywhere,
  ];
  for (const plugin of plugins) {
    for (const path of plugin.places.mcp) {
      const text = usable(path);
      if (text !== undefined) parts.push(parsePluginFile(plugin, path, text));
    }
    const { path, mcpServers } = plugin.inline;
    if (mcpServers !== undefined) parts.push(parsePluginServers(plugin, path, mcpServers));
  }
  return {
    servers: parts.flatMap((part) => part?.servers ?? []),
    problems: [...problems, ...parts.flatMap((part) => part?.problems ?? [])],
  };
}
