import type { PluginComponents, PluginDetail } from '@dormouse/agent-runtime/protocol';
import type { AgentWorkspace } from '@dormouse/crds';
import type { Column } from '../output/table.ts';

type Declared = NonNullable<AgentWorkspace['spec']['plugins']>[number];

/** A plugin as the spec of its workspace names it, and what the workspace says of it. */
export type ListedPlugin = Omit<Declared, 'config'> & PluginDetail;

/** Digits of a pin that a table has room for. */
const shortPin = 12;

/** Those of the spec, in its order. One that the workspace does not know yet is pending. */
export function listed(declared: readonly Declared[], found: readonly PluginDetail[]): ListedPlugin[] {
  return declared.map(({ config: _, ...plugin }) => {
    const pending: PluginDetail = { name: plugin.name, status: 'Pending', problems: [] };
    return { ...plugin, ...(found.find(({ name }) => name === plugin.name) ?? pending) };
  });
}

export const pluginColumns: Column<ListedPlugin>[] = [
  { name: 'PLUGIN', cell: ({ name }) => name },
  { name: 'STATE', cell: ({ status }) => status },
  { name: 'VERSION', cell: ({ version }) => version ?? '' },
  { name: 'SOURCE', cell: sourceOf },
  { name: 'PIN', cell: (plugin) => shortened(pinOf(plugin)) },
  { name: 'BRINGS', cell: ({ components }) => (components === undefined ? '' : counted(components)) },
  { name: 'WHY', cell: ({ problems }) => problems.join(' ') },
  { name: 'WHOLE PIN', cell: pinOf, wide: true },
  {
    name: 'NAMES',
    cell: ({ components }) => (components === undefined ? '' : named(components)),
    wide: true,
  },
];

function sourceOf({ git, oci, configMap, path }: ListedPlugin): string {
  if (git !== undefined) return `git ${git.url}${git.path === undefined ? '' : ` ${git.path}`}`;
  if (oci !== undefined) return `oci ${oci.split('@')[0]}`;
  if (configMap !== undefined) return `configMap ${configMap.name}`;
  return `path ${path ?? ''}`;
}

/** Empty where nothing is pinned. */
function pinOf({ git, oci, configMap }: ListedPlugin): string {
  return git?.commit ?? oci?.split('@')[1] ?? configMap?.digest ?? '';
}

function shortened(pin: string): string {
  const [digits = '', algorithm] = pin.split(':').reverse();
  return `${algorithm === undefined ? '' : `${algorithm}:`}${digits.slice(0, shortPin)}`;
}

function counted({ skills, commands, agents, hooks, mcpServers }: PluginComponents): string {
  const counts: [list: string[], one: string][] = [
    [skills, 'skill'],
    [commands, 'command'],
    [agents, 'agent'],
    [hooks, 'hook'],
    [mcpServers, 'MCP server'],
  ];
  const some = counts.filter(([{ length }]) => length > 0);
  return (
    some.map(([{ length }, one]) => `${length} ${one}${length === 1 ? '' : 's'}`).join(', ') || 'nothing'
  );
}

function named({ skills, commands, agents, hooks, mcpServers }: PluginComponents): string {
  const names = [...skills, ...commands, ...agents, ...hooks.map((event) => `on ${event}`), ...mcpServers];
  return names.join(', ');
}
