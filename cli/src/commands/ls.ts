import type { AgentWorkspace } from '@dormouse/crds';
import { keyOf } from '@dormouse/operator/kube';
import { Command } from 'commander';
import { collect, follow } from '../cluster/follow.ts';
import { kinds } from '../cluster/resources.ts';
import { formatList, type ListFormat, listFormats } from '../output/format.ts';
import type { Access, Surroundings } from '../surroundings.ts';
import { workspaceColumns } from '../workspace/columns.ts';
import { allNamespacesOption, formatOption, withAccess, withExamples } from './command.ts';

interface Options {
  allNamespaces?: true;
  output?: ListFormat;
  watch?: true;
}

export function lsCommand(around: Surroundings): Command {
  const command = new Command('ls')
    .description('List workspaces: whether they sleep, since when, and how many messages are open.')
    .addOption(allNamespacesOption())
    .option('-w, --watch', 'go on showing changes until Ctrl-C')
    .addOption(formatOption(listFormats))
    .action((options: Options, self: Command) =>
      withAccess(around, self, (access) =>
        options.watch ? watch(around, access, options) : list(around, access, options),
      ),
    );
  return withExamples(command, [
    ['dormouse ls', 'the workspaces of the namespace'],
    ['dormouse ls -A -o wide', 'those of all namespaces, with class and reason'],
    ['dormouse ls --watch', 'watch them wake and fall asleep'],
  ]);
}

async function list(around: Surroundings, { kube, namespace }: Access, options: Options): Promise<void> {
  const { items } = await kube.list(kinds.workspaces, {
    signal: around.signal,
    ...(!options.allNamespaces && { namespace }),
  });
  if (items.length === 0 && (options.output === undefined || options.output === 'wide')) {
    const where = options.allNamespaces ? 'in the cluster' : `in namespace "${namespace}"`;
    around.err(`There are no workspaces ${where}. Make one:  dormouse new NAME\n`);
    return;
  }
  around.out(render(around, items, options));
}

/** On a terminal the table is drawn anew in its place; anywhere else it is written again, with a line between. */
function watch(around: Surroundings, { kube, namespace }: Access, options: Options): Promise<void> {
  const begin = around.terminal.out ? '\x1b[H\x1b[2J' : '';
  let shown = '';
  const show = (objects: AgentWorkspace[]) => {
    const text = render(around, objects, options);
    if (text === shown) return;
    around.out(begin === '' && shown !== '' ? `\n${text}` : begin + text);
    shown = text;
  };
  return follow(kube, kinds.workspaces, {
    ...(!options.allNamespaces && { namespace }),
    signal: around.signal,
    clock: around.clock,
    ...collect(show),
  });
}

function render(around: Surroundings, objects: AgentWorkspace[], options: Options): string {
  const sorted = objects.sort((a, b) => (keyOf(a.metadata) < keyOf(b.metadata) ? -1 : 1));
  const columns = workspaceColumns(around.clock.now(), options.allNamespaces === true);
  return formatList(kinds.workspaces, sorted, options.output, columns);
}
