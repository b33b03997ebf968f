import type { AgentWorkspace } from '@dormouse/crds';
import { Command } from 'commander';
import { until } from '../cluster/follow.ts';
import { kinds } from '../cluster/resources.ts';
import { within } from '../deadline.ts';
import { Failure } from '../failure.ts';
import type { Surroundings } from '../surroundings.ts';
import { progress } from '../terminal/progress.ts';
import { findWorkspace } from '../workspace/find.ts';
import { timeoutOption, withAccess, withExamples } from './command.ts';

interface Options {
  yes?: true;
  wait?: true;
  timeout: number;
}

export function deleteCommand(around: Surroundings): Command {
  const command = new Command('delete')
    .description('Delete a workspace. What becomes of its files is told before.')
    .argument('<name>', 'the workspace')
    .option('-y, --yes', 'do not ask')
    .option('--wait', 'wait until it is gone')
    .addOption(timeoutOption())
    .action((name: string, options: Options, self: Command) =>
      withAccess(around, self, async (access) => {
        const { kube, namespace } = access;
        const { signal, clock } = around;
        const workspace = await findWorkspace(access, name, signal);
        const { uid } = workspace.metadata;
        around.err(`${consequence(workspace)}\n`);
        if (!options.yes && !(await agreed(around, name))) {
          around.err('Nothing was deleted.\n');
          throw new Failure('failed', 'you did not agree');
        }
        // The one that was looked at: another of that name that came meanwhile stays.
        const only = uid === undefined ? {} : { uid };
        await kube.delete(kinds.workspaces, { namespace, name }, { ...only, signal });
        if (!options.wait) return around.out(`${name} is being deleted\n`);
        const shown = progress(around);
        const late = () => new Failure('timeout', `workspace "${name}" is not gone in time`);
        try {
          await within(around, options.timeout, late, (ends) =>
            until(kube, kinds.workspaces, { namespace, name, signal: ends, clock }, (found) => {
              shown.say(`deleting ${name}`);
              return found === undefined || found.metadata.uid !== uid ? true : undefined;
            }),
          );
        } finally {
          shown.end();
        }
        around.out(`${name} is deleted\n`);
      }),
    );
  return withExamples(command, [
    ['dormouse delete ada', 'asks before'],
    ['dormouse delete ada --yes --wait', 'in a script'],
  ]);
}

/** What deleting it does to what is in it. */
export function consequence({ metadata, spec, status }: AgentWorkspace): string {
  const { name, namespace } = metadata;
  const { size, retain } = spec.storage;
  const files =
    retain === 'Retain'
      ? `Its files and its conversation stay: the PersistentVolumeClaim "${name}" (${size}) is kept.`
      : `Its files and its conversation are deleted with it: the PersistentVolumeClaim "${name}" (${size}).`;
  const open = (status?.messages?.pending ?? 0) + (status?.messages?.working ?? 0);
  const messages = open === 0 ? '' : ` ${open} open ${open === 1 ? 'message fails' : 'messages fail'}.`;
  return `Workspace "${name}" in namespace "${namespace}". ${files}${messages}`;
}

async function agreed(around: Surroundings, name: string): Promise<boolean> {
  if (!around.terminal.in) {
    throw new Failure('usage', 'nobody can be asked: standard input is no terminal', [
      `To delete it without a question:  dormouse delete ${name} --yes`,
    ]);
  }
  const answer = await around.ask(`Delete "${name}"? [y/N] `);
  return /^y(es)?$/i.test(answer.trim());
}
