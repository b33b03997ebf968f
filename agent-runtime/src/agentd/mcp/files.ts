import { posix } from 'node:path';
import type { ContextSource } from '../context/source.ts';
import { type Declared, parseProjectFile, parseUserFile } from './declared.ts';

/** Bytes of a file that names servers. */
const maxBytes = 1024 * 1024;

/**
 * The servers that files of the workspace name, those of the nearer file first: this project's in `~/.claude.json`, `.mcp.json`, the
 * user's in `~/.claude.json`. One round trip. Rejects as `ContextSource.collect` does.
 */
export async function readServerFiles(
  project: string,
  source: ContextSource,
): Promise<{ servers: Declared[]; problems: string[] }> {
  const projectFile = posix.join(project, '.mcp.json');
  const userFile = posix.join(source.home, '.claude.json');
  const found = await source.collect({ files: [projectFile, userFile], folders: [], maxFileBytes: maxBytes });
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
  const parts = [local, own === undefined ? undefined : parseProjectFile(projectFile, own), everywhere];
  return {
    servers: parts.flatMap((part) => part?.servers ?? []),
    problems: [...problems, ...parts.flatMap((part) => part?.problems ?? [])],
  };
}
