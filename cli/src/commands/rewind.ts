import { type AgentCheckpoint, type AgentWorkspace, workspaceLabel } from '@dormouse/crds';
import { Command } from 'commander';
import { createNamed } from '../cluster/create-named.ts';
import { until } from '../cluster/follow.ts';
import { kinds } from '../cluster/resources.ts';
import { within } from '../deadline.ts';
import { Failure, Interrupted } from '../failure.ts';
import { oneLine } from '../output/table.ts';
import type { Access, Surroundings } from '../surroundings.ts';
import { progress } from '../terminal/progress.ts';
import { findCheckpoint } from '../workspace/checkpoint.ts';
import { findWorkspace, ofWorkspace } from '../workspace/find.ts';
import { timeoutOption, withAccess, withExamples } from './command.ts';

interface Options {
  to: string;
  timeout: number;
}

type Rewind = NonNullable<NonNullable<AgentWorkspace['status']>['rewind']>;

export function rewindCommand(around: Surroundings): Command {
  const command = new Command('rewind')
    .description(
      'Go back to a checkpoint: files, conversation and process images are as they were then. What is there now is kept in a checkpoint first.',
    )
    .argument('<name>', 'the workspace')
    .requiredOption('--to <checkpoint>', 'its number or name, of one that has a snapshot or an archive')
    .addOption(timeoutOption())
    .action((name: string, options: Options, self: Command) =>
      withAccess(around, self, (access) => rewind(around, access, name, options)),
    );
  return withExamples(command, [
    ['dormouse checkpoints ada', 'what there is to go back to'],
    ['dormouse rewind ada --to 3', 'to checkpoint 3; work that is under way is waited for'],
    ['dormouse rewind ada --to ada-rewind-x7k2p', 'to where it was before that: the name is printed'],
  ]);
}

async function rewind(
  around: Surroundings,
  access: Access,
  name: string,
  { to, timeout }: Options,
): Promise<void> {
  const { namespace, kube } = access;
  await findWorkspace(access, name, around.signal);
  const all = (await kube.list(kinds.checkpoints, { namespace, signal: around.signal })).items;
  const target = findCheckpoint(ofWorkspace(all, name), name, namespace, to, 'to go back to');
  const created = await createNamed(
    access,
    kinds.checkpoints,
    () => ({
      metadata: { namespace, name: `${name}-rewind-${around.random(5)}`, labels: { [workspaceLabel]: name } },
      spec: {
        workspaceRef: { name },
        trigger: 'BeforeRewind' as const,
        rewindTo: { name: target.metadata.name },
      },
    }),
    around.signal,
  );
  const outcome = await follow(around, access, name, created, timeout);
  if (outcome.phase === 'Failed')
    throw new Failure(
      'failed',
      `workspace "${name}" is as it was before: ${outcome.message ?? 'no more is known'}`,
    );
  around.out(`${name} is at checkpoint ${outcome.to.sequence} (${outcome.to.checkpoint})\n`);
  around.err(
    `The way back:  dormouse rewind ${name} --to ${created.metadata.name} --namespace ${namespace}\n`,
  );
}

/** Tells how far it is, until it is over. */
async function follow(
  around: Surroundings,
  { kube, namespace }: Access,
  name: string,
  created: AgentCheckpoint,
  timeout: number,
): Promise<Rewind> {
  const request = created.metadata.name;
  const later = [
    `It goes on:  dormouse describe ${name} --namespace ${namespace}`,
    `Unless it began, deleting what asked for it ends it:  kubectl delete agentcheckpoint ${request} --namespace ${namespace}`,
  ];
  const shown = progress(around);
  let said = '';
  const say = (text: string) => {
    said = oneLine(text);
    shown.say(`${name}: ${said}`);
  };
  const late = () => new Failure('timeout', `workspace "${name}" is not there in time: ${said}`, later);
  const enough = new AbortController();
  try {
    return await within(around, timeout, late, (ends) => {
      const signal = AbortSignal.any([ends, enough.signal]);
      const over = until(
        kube,
        kinds.workspaces,
        { namespace, name, signal, clock: around.clock },
        (found) => {
          if (found === undefined) throw new Failure('notFound', `workspace "${name}" was deleted`);
          const rewind = found.status?.rewind;
          if (rewind === undefined || rewind.uid !== created.metadata.uid) return undefined;
          say(wordsOf(rewind, found));
          return rewind.phase === 'Completed' || rewind.phase === 'Failed' ? rewind : undefined;
        },
      );
      const refused = until(
        kube,
        kinds.checkpoints,
        { namespace, name: request, signal, clock: around.clock },
        (found): Rewind | undefined => {
          if (found === undefined) throw new Failure('notFound', `checkpoint "${request}" was deleted`);
          const { phase, reason, message } = found.status ?? {};
          if (phase === 'Failed')
            throw new Failure('failed', message ?? `checkpoint "${request}" failed: ${reason}`);
          if (phase === 'Pending') say(`waits (${message || reason})`);
          return undefined;
        },
      );
      return Promise.race([over, refused]);
    });
  } catch (error) {
    throw error instanceof Interrupted ? new Interrupted(later) : error;
  } finally {
    enough.abort();
    shown.end();
  }
}

function wordsOf({ phase, to, message }: Rewind, { status }: AgentWorkspace): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  switch (phase) {
    case 'Preparing':
      return 'keeps what is there now';
    case 'Restoring':
      return ready?.reason === 'Rewinding' ? ready.message : `goes back to ${to.checkpoint}`;
    case 'Returning':
      return message ?? 'returns to what it was';
    default:
      return phase;
  }
}
