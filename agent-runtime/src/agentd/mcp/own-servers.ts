import { z } from 'zod';
import { mcpServer } from '../../protocol/mcp.ts';
import { normalName, parseEntries } from './declared.ts';
import type { Declarations } from './server-set.ts';

/** An element of `mcpServers` in the file of a subagent: the name of a server, or servers by their names. */
export const ownServerEntry = z.union(
  [z.string().min(1), z.record(z.string(), z.unknown())],
  'must be a list of names of servers and of definitions, each as `- NAME:` with its fields below',
);

/** The servers that a subagent has by its file, as this was when it began. */
export const ownServers = z.object({
  path: z.string(),
  /** Servers of the workspace. */
  names: z.array(z.string()),
  /** Servers that nobody else has. */
  inline: z.array(mcpServer),
});
export type OwnServers = z.infer<typeof ownServers>;

/** What a file says of its servers. A problem begins with the name of the server that it is about. */
export function parseOwnServers(
  path: string,
  entries: readonly z.infer<typeof ownServerEntry>[],
): { servers: OwnServers; problems: { name: string; message: string }[] } {
  const inline = entries.flatMap((entry) => (typeof entry === 'string' ? [] : Object.entries(entry)));
  const { servers, problems } = parseEntries(inline);
  const names = entries.flatMap((entry) => (typeof entry === 'string' ? [normalName(entry.trim())] : []));
  return { servers: { path, names, inline: servers }, problems };
}

/** The rules for tools that these servers have: all of each. */
export function toolsOf({ names, inline }: OwnServers): string[] {
  return [...names, ...inline.map(({ name }) => name)].map((name) => `mcp__${name}`);
}

/**
 * The subagent's own servers, which a person lets in as those of `.mcp.json`. None takes the name of a server of the workspace,
 * which rules may speak of. `knows`: whether there is such a one.
 */
export function ownDeclarations(
  { path, names, inline }: OwnServers,
  knows: (name: string) => boolean,
): Declarations {
  return {
    spec: () => [],
    async files() {
      const missing = names.filter((name) => !knows(name) && !inline.some((each) => each.name === name));
      const taken = inline.filter(({ name }) => knows(name));
      return {
        servers: inline.filter((server) => !taken.includes(server)).map((server) => ({ server, file: path })),
        problems: [
          ...missing.map((name) => `${path} names the MCP server ${name}, which there is not.`),
          ...taken.map(
            ({ name }) =>
              `${path}: its MCP server ${name} is left out, as the workspace has one of this name: name it otherwise.`,
          ),
        ],
      };
    },
  };
}
