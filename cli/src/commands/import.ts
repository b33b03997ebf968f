import { type AgentWorkspace, apiVersion, workspaceLabel } from '@dormouse/crds';
import type { Desired } from '@dormouse/operator/kube';
import { Command } from 'commander';
import { kinds } from '../cluster/resources.ts';
import { Failure } from '../failure.ts';
import { qualifiedName } from '../output/format.ts';
import type { Access, Surroundings } from '../surroundings.ts';
import { awaitPhase } from '../workspace/await-phase.ts';
import { type ExportedWorkspace, parseExported } from '../workspace/exported.ts';
import { manifestOf, type WorkspaceOptions } from '../workspace/manifest.ts';
import { durationText, timeoutOption, withAccess, withExamples } from './command.ts';

interface Options extends Pick<WorkspaceOptions, 'class' | 'idle' | 'size'> {
  wait?: true;
  timeout: number;
}

export function importCommand(around: Surroundings): Command {
  const command = new Command('import')
    .description(
      'Make a workspace from an archive that dormouse export wrote down, here or in another cluster. Its class must name the same bucket and prefix.',
    )
    .argument('<file>', 'what dormouse export wrote')
    .argument('[name]', 'the new workspace; by default as the one that was exported')
    .option('--class <name>', 'the AgentWorkspaceClass; by default the default one')
    .option('--idle <duration>', 'sleep after so long without anything to do, such as 15m', durationText)
    .option('--size <quantity>', 'size of the volume, such as 5Gi')
    .option('--wait', 'wait until its agent answers')
    .addOption(timeoutOption())
    .action(async (file: string, name: string | undefined, options: Options, self: Command) => {
      const exported = parseExported(file, await read(around, file));
      return withAccess(around, self, (access) =>
        make(around, access, exported, name ?? exported.workspace.name, options),
      );
    });
  return withExamples(command, [
    ['dormouse import ada.json', 'the same name, in the namespace of the context'],
    ['dormouse import ada.json eva --class archived --wait', 'another name; wait until it is restored'],
  ]);
}

async function make(
  around: Surroundings,
  access: Access,
  exported: ExportedWorkspace,
  name: string,
  options: Options,
): Promise<void> {
  const { kube, namespace } = access;
  const { signal } = around;
  const { repository, snapshots, checkpoint, sequence, bytes, workspace, spec } = exported;
  const secret = `${name}-import-${around.random(5)}`;
  const metadata = { namespace, name: secret, labels: { [workspaceLabel]: name } };
  await kube.create(
    kinds.secrets,
    { metadata, type: 'Opaque', data: { password: Buffer.from(exported.password).toString('base64') } },
    { signal },
  );
  const archive = {
    ...{ repository, snapshots, checkpoint, sequence, bytes },
    ...{ workspace: workspace.name, workspaceUID: workspace.uid },
    passwordSecretRef: { name: secret, key: 'password' },
  };
  // One that is told to stay asleep would never be restored.
  const base = { ...spec, ...(spec.runPolicy === 'Suspended' && { runPolicy: 'Auto' }), source: { archive } };
  const manifest = manifestOf({ name, namespace }, options, { spec: base });
  let made: AgentWorkspace;
  try {
    made = await kube.create(kinds.workspaces, manifest as unknown as Desired<AgentWorkspace>, { signal });
  } catch (error) {
    await kube.delete(kinds.secrets, metadata);
    throw error;
  }
  // The password goes with the workspace.
  const owner = { apiVersion, kind: 'AgentWorkspace', name, uid: made.metadata.uid };
  await kube.patch(kinds.secrets, metadata, { metadata: { ownerReferences: [owner] } });
  around.out(`${qualifiedName(kinds.workspaces, made)} created\n`);
  if (options.wait) await awaitPhase(around, access, made, ['Running', 'Suspended'], options.timeout);
}

async function read(around: Surroundings, file: string): Promise<string> {
  try {
    return await around.readFile(file);
  } catch (error) {
    throw new Failure('usage', `${file} cannot be read: ${(error as Error).message}`);
  }
}
