import type { AgentWorkspace } from '@dormouse/crds';
import { ForbiddenError } from '@dormouse/operator/kube';
import { Command } from 'commander';
import { checkpointColumns } from '../checkpoint/columns.ts';
import { neededFor } from '../checkpoint/needs.ts';
import { kinds } from '../cluster/resources.ts';
import { Failure } from '../failure.ts';
import { formatList, type ListFormat, listFormats } from '../output/format.ts';
import type { Access, Surroundings } from '../surroundings.ts';
import { findWorkspace, ofWorkspace } from '../workspace/find.ts';
import { formatOption, withAccess, withExamples } from './command.ts';

interface Options {
  output?: ListFormat;
  delete?: string;
}

export function checkpointsCommand(around: Surroundings): Command {
  const command = new Command('checkpoints')
    .description('List the checkpoints of a workspace with what each holds, the newest last.')
    .argument('<name>', 'the workspace')
    .option('--delete <checkpoint>', 'delete this one, by number or name, unless something needs it')
    .addOption(formatOption(listFormats))
    .action((name: string, options: Options, self: Command) =>
      withAccess(around, self, (access) => list(around, access, name, options)),
    );
  return withExamples(command, [
    ['dormouse checkpoints ada', 'SNAPSHOT ready: to fork from, or to rewind to'],
    ['dormouse checkpoints ada -o wide', 'with what needs them, and the digests of their manifests'],
    ['dormouse checkpoints ada --delete 3', 'and with the last that names it the files of that moment'],
  ]);
}

async function list(
  around: Surroundings,
  access: Access,
  name: string,
  { output, delete: unwanted }: Options,
): Promise<void> {
  const { kube, namespace } = access;
  const { signal } = around;
  const workspace = await findWorkspace(access, name, signal);
  const [{ items }, workspaces] = await Promise.all([
    kube.list(kinds.checkpoints, { namespace, signal }),
    othersBesides(access, workspace, signal),
  ]);
  const all = ofWorkspace(items, name);
  const needs = neededFor(workspace, workspaces);
  if (unwanted === undefined) {
    if (all.length > 0 || (output !== undefined && output !== 'wide'))
      around.out(formatList(kinds.checkpoints, all, output, checkpointColumns(around.clock.now(), needs)));
    else
      around.err(
        `There are no checkpoints of "${name}": one is taken before each sleep, and by hand:  dormouse checkpoint ${name}\n`,
      );
    return;
  }
  const found = all.filter(
    ({ metadata, status }) => metadata.name === unwanted || String(status?.sequence) === unwanted,
  );
  const [one, another] = found;
  const more = [`What there is:  dormouse checkpoints ${name} --namespace ${namespace}`];
  if (one === undefined)
    throw new Failure('notFound', `workspace "${name}" has not a checkpoint ${unwanted}`, more);
  if (another !== undefined)
    throw new Failure('failed', `several checkpoints have the number ${unwanted}: say which by its name`, [
      ...found.map(({ metadata }) => metadata.name),
    ]);
  const checkpoint = one.metadata.name;
  const needed = needs.of(one).filter((each) => each.blocks);
  if (needed.length > 0)
    throw new Failure(
      'failed',
      `checkpoint "${checkpoint}" is needed: it is ${needed.map((each) => each.text).join(', and ')}`,
      more,
    );
  const { uid } = one.metadata;
  await kube.delete(
    kinds.checkpoints,
    { namespace, name: checkpoint },
    { ...(uid !== undefined && { uid }), signal },
  );
  const snapshot = one.status?.volumeSnapshot?.name;
  const shared = all.some((each) => each !== one && each.status?.volumeSnapshot?.name === snapshot);
  around.out(`agentcheckpoint.dormouse.dev/${checkpoint} deleted\n`);
  if (snapshot !== undefined && !shared)
    around.err(`With it goes VolumeSnapshot ${snapshot}: the files of that moment.\n`);
}

/** The workspaces of the namespace, as far as the person may see them: one may be allowed to read that one alone. */
async function othersBesides(
  { kube, namespace }: Access,
  workspace: AgentWorkspace,
  signal: AbortSignal,
): Promise<AgentWorkspace[]> {
  try {
    return (await kube.list(kinds.workspaces, { namespace, signal })).items;
  } catch (error) {
    if (error instanceof ForbiddenError) return [workspace];
    throw error;
  }
}
