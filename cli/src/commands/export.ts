import type { AgentCheckpoint } from '@dormouse/crds';
import { NotFoundError } from '@dormouse/operator/kube';
import { Command } from 'commander';
import { kinds } from '../cluster/resources.ts';
import { Failure } from '../failure.ts';
import { bytes } from '../output/bytes.ts';
import type { Access, Surroundings } from '../surroundings.ts';
import type { ExportedWorkspace } from '../workspace/exported.ts';
import { findWorkspace, ofWorkspace } from '../workspace/find.ts';
import { withAccess, withExamples } from './command.ts';

export function exportCommand(around: Surroundings): Command {
  const command = new Command('export')
    .description(
      'Write down what it takes to restore an archive of a workspace elsewhere: where it is, and its password. The files stay in the bucket.',
    )
    .argument('<name>', 'the workspace')
    .argument('<file>', 'the file to write, which only you may read: it holds the password')
    .option('--checkpoint <which>', 'number or name of an archived checkpoint; by default the newest')
    .action((name: string, file: string, { checkpoint }: { checkpoint?: string }, self: Command) =>
      withAccess(around, self, (access) => write(around, access, { name, file, checkpoint })),
    );
  return withExamples(command, [
    ['dormouse checkpoint ada --archive && dormouse export ada ada.json', 'as it is now'],
    ['dormouse --context elsewhere import ada.json', 'in a cluster whose class names the same bucket'],
  ]);
}

async function write(
  around: Surroundings,
  access: Access,
  { name, file, checkpoint }: { name: string; file: string; checkpoint: string | undefined },
): Promise<void> {
  const { signal } = around;
  const { kube, namespace } = access;
  const { spec, metadata } = await findWorkspace(access, name, signal);
  const all = ofWorkspace((await kube.list(kinds.checkpoints, { namespace, signal })).items, name);
  const found = choose(all, checkpoint);
  const { archive, sequence } = found?.status ?? {};
  if (
    found === undefined ||
    archive?.repository === undefined ||
    archive.snapshots === undefined ||
    !sequence
  )
    throw new Failure(
      'notFound',
      `workspace "${name}" has not a checkpoint${checkpoint === undefined ? '' : ` ${checkpoint}`} that is archived`,
      [
        `What there is:  dormouse checkpoints ${name} --namespace ${namespace}`,
        `Archive it:     dormouse checkpoint ${name} --archive --namespace ${namespace}`,
      ],
    );
  const { classRef: _class, source: _source, ...kept } = spec;
  const exported: ExportedWorkspace = {
    format: 'dormouse.dev/exported-workspace/1',
    workspace: { namespace, name, uid: metadata.uid ?? '' },
    ...{ checkpoint: found.metadata.name, sequence },
    ...{ repository: archive.repository, snapshots: archive.snapshots, bytes: archive.bytes ?? 0 },
    password: await passwordOf(access, name, signal),
    spec: kept,
  };
  await around.keepFile(file, `${JSON.stringify(exported, null, 2)}\n`);
  around.err(
    `${file}: ${found.metadata.name}, ${bytes(exported.bytes)} in the bucket. It holds the password of the archives: keep it as one.\n`,
  );
}

async function passwordOf(
  { kube, namespace }: Pick<Access, 'kube' | 'namespace'>,
  workspace: string,
  signal: AbortSignal,
): Promise<string> {
  const name = `${workspace}-archive`;
  try {
    const { data } = await kube.get(kinds.secrets, { namespace, name }, { signal });
    const entry = (data as Record<string, string> | undefined)?.password;
    if (entry !== undefined) return Buffer.from(entry, 'base64').toString();
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
  }
  throw new Failure('notFound', `there is no Secret ${namespace}/${name} with the password of the archives`, [
    `The next archive makes it:  dormouse checkpoint ${workspace} --archive --namespace ${namespace}`,
  ]);
}

function choose(all: readonly AgentCheckpoint[], wanted: string | undefined): AgentCheckpoint | undefined {
  return all
    .filter(({ status }) => status?.archive?.phase === 'Completed')
    .filter(
      ({ metadata, status }) =>
        wanted === undefined || metadata.name === wanted || String(status?.sequence) === wanted,
    )
    .sort((a, b) => (a.status?.sequence ?? 0) - (b.status?.sequence ?? 0))
    .at(-1);
}
