import type { PluginComponents } from '../../protocol/plugins.ts';
import { loadAgents } from '../context/agents/catalogue.ts';
import { loadCatalogue } from '../context/skills/catalogue.ts';
import type { ContextSource } from '../context/source.ts';
import { readHooks } from '../hooks/read.ts';
import { readPluginServers } from '../mcp/files.ts';
import { readPluginHooks } from './hooks.ts';
import type { Plugin } from './plugin.ts';

/** What a plugin brings, and what is wrong with its parts. Rejects as `ContextSource.collect` does. */
export async function componentsOf(
  plugin: Plugin,
  source: ContextSource,
): Promise<{ components: PluginComponents; problems: string[] }> {
  const [catalogue, agents, hooks, servers] = await Promise.all([
    loadCatalogue([], source.home, source, [plugin]),
    loadAgents([], source, [plugin]),
    hooksOf(plugin, source),
    readPluginServers(plugin, source),
  ]);
  const skills = [...catalogue.skills.values()];
  const isSkill = ({ path }: { path: string }) => path.endsWith('/SKILL.md');
  return {
    components: {
      skills: skills.filter(isSkill).map(({ name }) => name),
      commands: skills.filter((skill) => !isSkill(skill)).map(({ name }) => name),
      // Those that come with the runtime are in the list, too.
      agents: [...agents.agents.keys()].filter((name) => name.startsWith(`${plugin.name}:`)),
      hooks: hooks.events,
      mcpServers: servers.servers.map(({ server }) => server.name),
    },
    problems: [...catalogue.problems, ...agents.problems, ...hooks.problems, ...servers.problems],
  };
}

async function hooksOf(
  plugin: Plugin,
  source: ContextSource,
): Promise<{ events: string[]; problems: string[] }> {
  const found = await readPluginHooks([plugin], source);
  const events: string[] = [];
  const problems = [...found.problems];
  for (const { value, path, text, at, env } of found.hooks) {
    const read = await readHooks(value, {
      path,
      text,
      at,
      env,
      failClosed: false,
      mayAllow: false,
      once: false,
    });
    events.push(...read.hooks.map(({ event }) => event));
    problems.push(...read.problems);
  }
  return { events, problems };
}
