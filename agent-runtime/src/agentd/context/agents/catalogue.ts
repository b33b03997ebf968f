import { posix } from 'node:path';
import { isInside } from '../../permissions/path-pattern.ts';
import { type Plugin, withVariables } from '../../plugins/plugin.ts';
import type { ContextSource } from '../source.ts';
import { builtInAgents } from './built-in.ts';
import { type AgentDefinition, parseAgent } from './definition.ts';

/** How deep files may lie in `.claude/agents`. */
const agentsDepth = 8;
const maxFileBytes = 256 * 1024;
/** Characters of one description in the list. */
const maxDescription = 1_000;

export interface AgentCatalogue {
  /** By what they are called. */
  agents: ReadonlyMap<string, AgentDefinition>;
  problems: string[];
}

/**
 * The subagents of these folders, those of plugins as `PLUGIN:NAME`, and those that come with the runtime. Of several with one name the one of the last folder
 * counts: the nearer to the work, the later it stands. One round trip.
 */
export async function loadAgents(
  folders: readonly string[],
  source: ContextSource,
  plugins: readonly Plugin[] = [],
): Promise<AgentCatalogue> {
  const places = folders.map((folder) => posix.join(folder, '.claude/agents'));
  const found = await source.collect({
    files: plugins.flatMap((plugin) => plugin.places.agents.filter((path) => path.endsWith('.md'))),
    folders: [
      ...places,
      ...plugins.flatMap((plugin) => plugin.places.agents.filter((path) => !path.endsWith('.md'))),
    ].map((path) => ({ path, name: '*.md', depth: agentsDepth })),
    maxFileBytes,
  });
  const agents = new Map(builtInAgents.map((agent) => [agent.name, agent]));
  const problems: string[] = [];
  for (const place of places) {
    for (const file of found.files) {
      if (posix.relative(place, file.path).startsWith('../')) continue;
      const parsed = await parseAgent(file);
      problems.push(...parsed.problems);
      if (parsed.agent !== undefined) agents.set(parsed.agent.name, parsed.agent);
    }
  }
  for (const plugin of plugins) {
    for (const file of found.files) {
      if (!plugin.places.agents.some((place) => isInside(file.path, place))) continue;
      const { agent, problems: wrong } = await parseAgent({
        ...file,
        content: withVariables(file.content, plugin),
      });
      problems.push(...wrong);
      if (agent === undefined) continue;
      // What a plugin brings must not widen what the workspace permits.
      const { permissionMode: _, hooks: _hooks, mcpServers: _servers, ...rest } = agent;
      const name = `${plugin.name}:${agent.name}`;
      agents.set(name, { ...rest, name });
    }
  }
  return { agents, problems };
}

/** One line for each, as the model is told of them. */
export function listAgents(agents: Iterable<AgentDefinition>): string[] {
  return [...agents].map(({ name, description, tools }) => {
    const cut =
      description.length > maxDescription ? `${description.slice(0, maxDescription - 1)}…` : description;
    return `- ${name}: ${cut}${tools === undefined ? '' : ` (Tools: ${tools.join(', ')})`}`;
  });
}
