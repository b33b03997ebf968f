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
/** Empty where it is not known. */
const known = (tokens: number | undefined) => (tokens === undefined ? '' : count.format(tokens));
const columns: Column<WorkspaceUsage>[] = [
  { name: 'WORKSPACE', cell: ({ workspace }) => workspace },
  { name: 'MESSAGES', cell: ({ messages }) => count.format(messages) },
  { name: 'INPUT', cell: ({ inputTokens }) => count.format(inputTokens) },
  { name: 'OUTPUT', cell: ({ outputTokens }) => count.format(outputTokens) },
  { name: 'CACHE READ', cell: ({ cacheReadTokens }) => count.format(cacheReadTokens) },
  { name: 'CACHE WRITE', cell: ({ cacheWriteTokens }) => count.format(cacheWriteTokens) },
  { name: 'TODAY', cell: ({ today }) => known(today) },
  { name: 'LIMIT', cell: ({ limit }) => known(limit) },
];

export function usageCommand(around: Surroundings): Command {
  const command = new Command('usage')
    .description(
      'Sum the tokens of the messages that are still there: those of the last day, unless they say otherwise. TODAY is what all calls of the UTC day came to, half a minute ago, and LIMIT what they may come to.',
    )
    .argument('[name]', 'one workspace; by default all of the namespace')
    .addOption(allNamespacesOption())
    .addOption(formatOption(['json', 'yaml']))
    .action((name: string | undefined, options: Options, self: Command) =>
      withAccess(around, self, async (access) => {
        const { kube, namespace } = access;
        const { signal } = around;
        const everywhere = options.allNamespaces === true && name === undefined;
        const scope = { signal, ...(!everywhere && { namespace }) };
        const workspaces =
          name === undefined
            ? (await kube.list(kinds.workspaces, scope)).items
            : [await findWorkspace(access, name, signal)];
        const { items } = await kube.list(kinds.messages, scope);
        const messages = name === undefined ? items : ofWorkspace(items, name);
        const sums = sumUsage(messages, workspaces, new Date(around.clock.now()).toISOString().slice(0, 10));
        if (options.output !== undefined) return around.out(data(sums, options.output));
        if (sums.length === 0)
          return around.err(
            'There are no messages whose tokens could be summed, and nothing was used today.\n',
          );
        const where: Column<WorkspaceUsage> = { name: 'NAMESPACE', cell: (sum) => sum.namespace };
        around.out(table(everywhere ? [where, ...columns] : columns, sums));
      }),
    );
  return withExamples(command, [
    ['dormouse usage', 'of each workspace of the namespace that has messages or used something today'],
    ['dormouse usage ada -o json', 'of one, for a program'],
  ]);
}
