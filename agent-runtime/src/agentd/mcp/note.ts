import { reminder } from '../context/reminder.ts';
import type { AnyTool } from '../tools/registry.ts';
import type { Waiting } from './connect-tool.ts';
import type { McpConnection } from './connection.ts';
import { describeServer } from './declared.ts';
import { cut } from './tools.ts';

/** Characters of a server's instructions, and of the list of tools that are not loaded. */
const limits = { instructions: 2_048, names: 16_000, problems: 20 };

/** What the model is told of the servers beside their tools; undefined where there is nothing to say. */
export function noteOf(view: {
  connections: readonly McpConnection[];
  waiting: readonly Waiting[];
  deferred: readonly AnyTool[];
  problems: readonly string[];
}): string | undefined {
  const { connections, waiting, deferred, problems } = view;
  const parts = [
    ...connections.flatMap(({ server, offer: { instructions } }) => {
      if (!instructions) return [];
      return [`Instructions of the MCP server ${server.name}:\n${cut(instructions, limits.instructions)}`];
    }),
    ...listed(
      'Tools of MCP servers that are not loaded; ToolSearch loads them:',
      deferred.length === 0 ? [] : [cut(deferred.map(({ name }) => name).join(', '), limits.names)],
    ),
    ...listed(
      'MCP servers that files of this workspace name and nobody has let in. ConnectMcpServer asks a person; do so when you need one:',
      waiting.map(({ declared, digest }) => `- ${cut(describeServer(declared), 500)} [digest ${digest}]`),
    ),
    ...listed(
      'MCP servers that are not connected:',
      connections.flatMap(({ server, state }) =>
        state.kind === 'failed' ? [`- ${server.name}: ${cut(state.why, 500)}`] : [],
      ),
    ),
    ...listed('Not right with MCP servers; tell whoever asks you:', problems.slice(0, limits.problems)),
  ];
  return parts.length === 0 ? undefined : reminder(...parts);
}

function listed(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [[title, ...lines].join('\n')];
}
