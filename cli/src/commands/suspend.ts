import { attachedUntilAnnotation } from '@dormouse/crds';
import { Command } from 'commander';
import { kinds } from '../cluster/resources.ts';
import type { Surroundings } from '../surroundings.ts';
import { awaitPhase } from '../workspace/await-phase.ts';
import { findWorkspace } from '../workspace/find.ts';
import { timeoutOption, withAccess, withExamples } from './command.ts';

interface Options {
  wait?: true;
  timeout: number;
}

export function suspendCommand(around: Surroundings): Command {
  const command = new Command('suspend')
    .description(
      'Put a workspace to sleep as soon as its agent is not busy, and keep it asleep until `wake`.',
    )
    .argument('<name>', 'the workspace')
    .option('--wait', 'wait until it sleeps')
    .addOption(timeoutOption())
    .action((name: string, options: Options, self: Command) =>
      withAccess(around, self, async (access) => {
        const { kube, namespace } = access;
        const before = await findWorkspace(access, name, around.signal);
        const after = await kube.patch(
          kinds.workspaces,
          { namespace, name },
          // An attachment that is left would wake it at the moment in which `wake` only meant to let it.
          {
            metadata: { annotations: { [attachedUntilAnnotation]: null } },
            spec: { runPolicy: 'Suspended' },
          },
          { signal: around.signal },
        );
        if (before.spec.runPolicy === 'Always') {
          around.err('Its runPolicy was Always, and `dormouse wake` will make it Auto.\n');
        }
        if (options.wait) {
          await awaitPhase(around, access, after, ['Suspended'], options.timeout);
          around.out(`${name} sleeps\n`);
        } else around.out(`${name} goes to sleep as soon as it is not busy, and stays asleep\n`);
      }),
    );
  return withExamples(command, [
    ['dormouse suspend ada --wait', 'until its pod is gone and its checkpoint is verified'],
  ]);
}
