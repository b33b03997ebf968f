import { type Event, ForbiddenError } from '@dormouse/operator/kube';
import { Command } from 'commander';
import { kinds } from '../cluster/resources.ts';
import { formatObject, type ObjectFormat, objectFormats } from '../output/format.ts';
import { style } from '../output/style.ts';
import type { Access, Surroundings } from '../surroundings.ts';
import { describeWorkspace } from '../workspace/describe.ts';
import { findWorkspace, ofWorkspace } from '../workspace/find.ts';
import { formatOption, withAccess, withExamples } from './command.ts';

export function describeCommand(around: Surroundings): Command {
  const command = new Command('describe')
    .description('Show all about a workspace: how it is and why, open messages, checkpoints, recent events.')
    .argument('<name>', 'the workspace')
    .addOption(formatOption(objectFormats))
    .action((name: string, { output }: { output?: ObjectFormat }, self: Command) =>
      withAccess(around, self, async (access) => {
        const { kube, namespace } = access;
        const { signal } = around;
        const workspace = await findWorkspace(access, name, signal);
        if (output !== undefined) return around.out(formatObject(kinds.workspaces, workspace, output));
        const [messages, checkpoints, events] = await Promise.all([
          kube.list(kinds.messages, { namespace, signal }),
          kube.list(kinds.checkpoints, { namespace, signal }),
          eventsAbout(access, name, signal),
        ]);
        around.out(
          describeWorkspace(
            {
              workspace,
              messages: ofWorkspace(messages.items, name),
              checkpoints: ofWorkspace(checkpoints.items, name),
              events,
            },
            around.clock.now(),
            style(around.terminal.out, around.env),
          ),
        );
      }),
    );
  return withExamples(command, [
    ['dormouse describe ada', 'why it is awake or asleep, what it works on, what went wrong'],
    ['dormouse describe ada -o yaml', 'the object itself'],
  ]);
}

/** Events about the workspace, its pod and its claim, which share its name; undefined where the person may not read them. */
async function eventsAbout(
  { kube, namespace }: Access,
  name: string,
  signal: AbortSignal,
): Promise<Event[] | undefined> {
  try {
    const fieldSelector = `involvedObject.name=${name}`;
    const { items } = await kube.list(kinds.events, { namespace, fieldSelector, signal });
    return items.filter(({ involvedObject }) => involvedObject.name === name);
  } catch (error) {
    if (error instanceof ForbiddenError && error.status === 403) return undefined;
    throw error;
  }
}
