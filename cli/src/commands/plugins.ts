import { type PluginDetail, pluginDetail } from '@dormouse/agent-runtime/protocol';
import { Command } from 'commander';
import { z } from 'zod';
import { pathAt } from '../gateway/gateway.ts';
import { data } from '../output/format.ts';
import { table } from '../output/table.ts';
import type { Surroundings } from '../surroundings.ts';
import { findWorkspace } from '../workspace/find.ts';
import { type ListedPlugin, listed, pluginColumns } from '../workspace/plugins.ts';
import { formatOption, timeoutOption, withExamples } from './command.ts';
import { gatewayOptions, wakeThrough, withGateway } from './gateway-access.ts';

interface Options {
  timeout: number;
  output?: 'json' | 'yaml' | 'wide';
}

export function pluginsCommand(around: Surroundings): Command {
  const command = new Command('plugins')
    .description(
      'List the plugins of a workspace: where each comes from, what is pinned, whether it is loaded and why not, and what it brings. Wakes a workspace that has some.',
    )
    .argument('<name>', 'the workspace')
    .addOption(timeoutOption())
    .addOption(formatOption(['json', 'yaml', 'wide']));
  for (const option of gatewayOptions()) command.addOption(option);
  command.action((name: string, { timeout, output }: Options, self: Command) =>
    withGateway(around, self, async (opened, access) => {
      const { signal } = around;
      const { namespace } = access;
      const declared = (await findWorkspace(access, name, signal)).spec.plugins ?? [];
      let plugins: ListedPlugin[] = [];
      if (declared.length > 0) {
        await wakeThrough(around, opened, access, name, timeout);
        const path = pathAt({ namespace, name }, 'agent/plugins');
        const found: PluginDetail[] = await opened.gateway.json(z.array(pluginDetail), path, { signal });
        plugins = listed(declared, found);
      }
      if (output === 'json' || output === 'yaml') around.out(data(plugins, output));
      else if (plugins.length === 0) around.err(`${name} has no plugins\n`);
      else around.out(table(pluginColumns, plugins, output === 'wide'));
    }),
  );
  return withExamples(command, [
    ['dormouse plugins ada', 'which there are, and why one is not loaded'],
    ['dormouse plugins ada -o wide', 'whole pins, and the names of what they bring'],
  ]);
}
