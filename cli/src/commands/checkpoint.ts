import { type AgentCheckpoint, workspaceLabel } from '@dormouse/crds';
import { Command, Option } from 'commander';
import { createNamed } from '../cluster/create-named.ts';
import { until } from '../cluster/follow.ts';
import { kinds } from '../cluster/resources.ts';
import { within } from '../deadline.ts';
import { Failure, Interrupted } from '../failure.ts';
import { bytes } from '../output/bytes.ts';
import type { Access, Surroundings } from '../surroundings.ts';
import { progress } from '../terminal/progress.ts';
import { findWorkspace } from '../workspace/find.ts';
import { timeoutOption, withAccess, withExamples } from './command.ts';

interface Options {
  snapshot?: true;
  archive?: true;
  timeout: number;
}

export function checkpointCommand(around: Surroundings): Command {
  const command = new Command('checkpoint')
    .description('Take a checkpoint of a workspace and print its digest. One that is busy is waited for.')
    .argument('<name>', 'the workspace')
    .option('--snapshot', 'with a VolumeSnapshot, to fork from: turns and processes stop for a moment')
    .addOption(
      new Option(
        '--archive',
        'put files and conversations into the bucket of its class; the workspace sleeps for it, as soon as it is idle',
      ).conflicts('snapshot'),
    )
    .addOption(timeoutOption())
    .action((name: string, options: Options, self: Command) =>
      withAccess(around, self, (access) => take(around, access, name, options)),
    );
  return withExamples(command, [
    ['dormouse checkpoint ada', 'before something that you may want to look back from'],
    ['dormouse checkpoint ada --snapshot', 'with the files: dormouse new eva --from ada'],
    [
      'dormouse checkpoint ada --archive --timeout 10m',
      'the same where there are no snapshots, and for another cluster',
    ],
  ]);
}

async function take(
  around: Surroundings,
  access: Access,
  name: string,
  { snapshot, archive, timeout }: Options,
): Promise<void> {
  const { kube, namespace } = access;
  const { signal, clock } = around;
  await findWorkspace(access, name, signal);
  const created = await createNamed(
    access,
    kinds.checkpoints,
    () => ({
      // A number alone at the end would be taken for that of a checkpoint of a sleep.
      metadata: { namespace, name: `${name}-manual-${around.random(5)}`, labels: { [workspaceLabel]: name } },
      spec: {
        workspaceRef: { name },
        trigger: 'Manual' as const,
        ...(snapshot && { volumeSnapshot: true }),
        ...(archive && { archive }),
      },
    }),
    signal,
  );
  const checkpoint = created.metadata.name;
  const later = [
    `Checkpoint "${checkpoint}" goes on:  dormouse checkpoints ${name} --namespace ${namespace}`,
  ];
  let last = created;
  const late = () =>
    new Failure('timeout', `checkpoint "${checkpoint}" is not complete in time${waitsFor(last)}`, later);
  const shown = progress(around);
  try {
    const { status } = await within(around, timeout, late, (ends) =>
      until(kube, kinds.checkpoints, { namespace, name: checkpoint, signal: ends, clock }, (found) => {
        if (found === undefined) throw new Failure('notFound', `checkpoint "${checkpoint}" was deleted`);
        last = found;
        shown.say(`checkpoint ${checkpoint}${waitsFor(found)}`);
        if (found.status?.phase === 'Failed' || found.status?.archive?.phase === 'Failed')
          throw failure(found);
        const done = archive ? found.status?.archive?.phase : found.status?.phase;
        return done === 'Completed' ? found : undefined;
      }),
    );
    shown.end();
    around.out(`${status?.digest ?? ''}\n`);
    around.err(`${checkpoint}: number ${status?.sequence}${amount(status?.bytes)}, verified\n`);
    if (status?.archive !== undefined) around.err(`${archived(status.archive)}\n`);
    if (snapshot && status?.volumeSnapshot === undefined)
      throw new Failure(
        'failed',
        `checkpoint "${checkpoint}" has no snapshot: ${status?.message ?? 'no more is known'}`,
      );
  } catch (error) {
    shown.end();
    throw error instanceof Interrupted ? new Interrupted(later) : error;
  }
}

function amount(size: number | undefined): string {
  return size === undefined ? '' : `, ${bytes(size)}`;
}

type Archive = NonNullable<NonNullable<AgentCheckpoint['status']>['archive']>;

function archived({ bytes: size = 0, files = 0, addedBytes = 0, message }: Archive): string {
  const sent = `archived ${files} files, ${bytes(size)}; ${bytes(addedBytes)} of it were new`;
  return message === undefined ? sent : `${sent}. ${message}`;
}

function waitsFor({ status }: AgentCheckpoint): string {
  const archive = status?.archive;
  if (archive?.phase === 'InProgress')
    return ` (archiving, ${archive.percent ?? 0} %${archive.message === undefined ? '' : `: ${archive.message}`})`;
  const why = status?.message || status?.reason;
  return why ? ` (${why})` : '';
}

function failure({ metadata, status }: AgentCheckpoint): Failure {
  const { reason = 'no reason given', message = '' } =
    (status?.archive?.phase === 'Failed' ? status.archive : status) ?? {};
  return new Failure(
    'failed',
    `checkpoint "${metadata.name}" failed: ${reason}${message === '' ? '' : `: ${message}`}`,
  );
}
