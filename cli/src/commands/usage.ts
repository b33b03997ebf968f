import { Command } from 'commander';
import { kinds } from '../cluster/resources.ts';
import { sumUsage, type WorkspaceUsage } from '../message/usage.ts';
import { data } from '../output/format.ts';
import { type Column, table } from '../output/table.ts';
import type { Surroundings } from '../surroundings.ts';
import { findWorkspace, ofWorkspace } from '../workspace/find.ts';
import { allNamespacesOption, formatOption, withAccess, withExamples } from './command.ts';

interface Options {
  allNamespaces?: true;
  output?: 'json' | 'yaml';
}

const count = new Intl.NumberFormat('en-US');
const columns: Column<WorkspaceUsage>[] = [
  { name: 'WORKSPACE', cell: ({ workspace }) => workspace },
  { name: 'MESSAGES', cell: ({ messages }) => count.format(messages) },
  { name: 'INPUT', cell: ({ inputTokens }) => count.format(inputTokens) },
  { name: 'OUTPUT', cell: ({ outputTokens }) => count.format(outputTokens) },
  { name: 'CACHE READ', cell: ({ cacheReadTokens }) => count.format(cacheReadTokens) },
  { name: 'CACHE WRITE', cell: ({ cacheWriteTokens }) => count.format(cacheWriteTokens) },
];

export function usageCommand(around: Surroundings): Command {
  const command = new Command('usage')
    .description(
      'Sum the tokens of the messages that are still there: those of the last day, unless they say otherwise.',
    )
    .argument('[name]', 'one workspace; by default all of the namespace')
    .addOption(allNamespacesOption())
    .addOption(formatOption(['json', 'yaml']))
    .action((name: string | undefined, options: Options, self: Command) =>
      withAccess(around, self, async (access) => {
        const { kube, namespace } = access;
        const { signal } = around;
        const everywhere = options.allNamespaces === true && name === undefined;
        if (name !== undefined) await findWorkspace(access, name, signal);
        const { items } = await kube.list(kinds.messages, { signal, ...(!everywhere && { namespace }) });
        const sums = sumUsage(name === undefined ? items : ofWorkspace(items, name));
        if (options.output !== undefined) return around.out(data(sums, options.output));
        if (sums.length === 0) return around.err('There are no messages whose tokens could be summed.\n');
        const where: Column<WorkspaceUsage> = { name: 'NAMESPACE', cell: (sum) => sum.namespace };
        around.out(table(everywhere ? [where, ...columns] : columns, sums));
      }),
    );
  return withExamples(command, [
    ['dormouse usage', 'of each workspace of the namespace'],
    ['dormouse usage ada -o json', 'of one, for a program'],
  ]);
}
