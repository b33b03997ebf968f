import { type AgentWorkspace, permissionModes } from '@dormouse/crds';
import type { Desired } from '@dormouse/operator/kube';
import { Command, Option } from 'commander';
import { kinds } from '../cluster/resources.ts';
import { Failure } from '../failure.ts';
import { data, formatObject, type ObjectFormat, objectFormats, qualifiedName } from '../output/format.ts';
import type { AccessChoice, Surroundings } from '../surroundings.ts';
import { awaitPhase } from '../workspace/await-phase.ts';
import { type Manifest, manifestOf, type WorkspaceOptions } from '../workspace/manifest.ts';
import { durationText, formatOption, timeoutOption, withAccess, withExamples } from './command.ts';

interface Options extends WorkspaceOptions {
  file?: string;
  wait?: true;
  timeout: number;
  dryRun?: true;
  output?: ObjectFormat;
}

export function newCommand(around: Surroundings): Command {
  const command = new Command('new')
    .description('Make a workspace. What is not said has the default of the kind or of its class.')
    .argument('<name>', 'the workspace')
    .option('--class <name>', 'the AgentWorkspaceClass; by default the default one')
    .option('--model <name>', 'the model; by default that of the class')
    .option('--idle <duration>', 'sleep after so long without anything to do, such as 15m', durationText)
    .option('--size <quantity>', 'size of the volume, such as 5Gi')
    .addOption(
      new Option('--permission-mode <mode>', 'what tools may do without asking').choices(permissionModes),
    )
    .option('--env <name=value>', 'a variable for tools and services; can be repeated', collectInto)
    .option('--system-prompt <text>', 'text put before the conversation')
    .option('-f, --file <manifest>', 'start from an AgentWorkspace in YAML or JSON; `-` is standard input')
    .option('--wait', 'wait until its agent answers')
    .addOption(timeoutOption())
    .option('--dry-run', 'print what would be made, and make nothing')
    .addOption(formatOption(objectFormats))
    .action(async (name: string, options: Options, self: Command) => {
      const chosen = self.optsWithGlobals<AccessChoice>().namespace;
      const manifest = manifestOf(
        { name, namespace: chosen },
        options,
        await readManifest(around, options.file),
      );
      if (options.dryRun) return around.out(preview(manifest, options.output ?? 'yaml'));
      return make(around, self, manifest, options);
    });
  return withExamples(command, [
    ['dormouse new ada', 'a workspace of the default class'],
    ['dormouse new ada --idle 10m --size 5Gi --permission-mode acceptEdits --wait', 'and wait until it runs'],
    ['dormouse new ada --env LANG=de_DE.UTF-8 --dry-run > ada.yaml', 'a manifest to go on from'],
  ]);
}

function make(around: Surroundings, self: Command, manifest: Manifest, options: Options): Promise<void> {
  return withAccess(around, self, async (access) => {
    const namespace = manifest.metadata.namespace ?? access.namespace;
    const stated = { ...manifest, metadata: { ...manifest.metadata, namespace } };
    const made = await access.kube.create(kinds.workspaces, stated as unknown as Desired<AgentWorkspace>, {
      signal: around.signal,
    });
    around.out(
      options.output === undefined
        ? `${qualifiedName(kinds.workspaces, made)} created\n`
        : formatObject(kinds.workspaces, made, options.output),
    );
    if (options.wait) {
      // One that has nothing to do may be asleep again by the time in which this is looked at.
      await awaitPhase(around, { ...access, namespace }, made, ['Running', 'Suspended'], options.timeout);
    }
  });
}

function preview(manifest: Manifest, format: ObjectFormat): string {
  return format === 'name' ? `${qualifiedName(kinds.workspaces, manifest)}\n` : data(manifest, format);
}

async function readManifest(around: Surroundings, file: string | undefined) {
  if (file === undefined) return undefined;
  if (file === '-') return { name: 'standard input', text: await around.input() };
  try {
    return { name: file, text: await around.readFile(file) };
  } catch (error) {
    throw new Failure('usage', `${file} cannot be read: ${(error as Error).message}`);
  }
}

function collectInto(value: string, previous: string[] = []): string[] {
  return [...previous, value];
}
