import { type AgentWorkspace, permissionModes } from '@dormouse/crds';
import type { Desired } from '@dormouse/operator/kube';
import { Command, Option } from 'commander';
import { kinds } from '../cluster/resources.ts';
import { Failure } from '../failure.ts';
import { data, formatObject, type ObjectFormat, objectFormats, qualifiedName } from '../output/format.ts';
import type { Access, AccessChoice, Surroundings } from '../surroundings.ts';
import { awaitPhase } from '../workspace/await-phase.ts';
import { type Manifest, manifestOf, parseManifest, type WorkspaceOptions } from '../workspace/manifest.ts';
import { forkOf } from '../workspace/origin.ts';
import { durationText, formatOption, timeoutOption, withAccess, withExamples } from './command.ts';

interface Options extends WorkspaceOptions {
  file?: string;
  from?: string;
  checkpoint?: string;
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
    .option('--snapshot-class <name>', 'take a VolumeSnapshot of this class with each sleep, to fork from')
    .option('-f, --file <manifest>', 'start from an AgentWorkspace in YAML or JSON; `-` is standard input')
    .addOption(
      new Option(
        '--from <workspace>',
        'fork this one, or NAMESPACE/NAME: begin with its spec, its files and its conversations, as a checkpoint has them',
      ).conflicts('file'),
    )
    .option('--checkpoint <which>', 'number or name of the checkpoint to fork from; by default the newest')
    .option('--wait', 'wait until its agent answers')
    .addOption(timeoutOption())
    .option('--dry-run', 'print what would be made, and make nothing')
    .addOption(formatOption(objectFormats))
    .action(async (name: string, options: Options, self: Command) => {
      const chosen = self.optsWithGlobals<AccessChoice>().namespace;
      const { from, file, checkpoint } = options;
      const make = (access: Access, manifest: Manifest) => create(around, access, manifest, options);
      if (from !== undefined)
        return withAccess(around, self, async (access) => {
          const base = await forkOf(access, from, checkpoint, around.signal);
          const manifest = manifestOf({ name, namespace: access.namespace }, options, base);
          return options.dryRun ? show(around, manifest, options) : make(access, manifest);
        });
      if (checkpoint !== undefined) throw new Failure('usage', '--checkpoint says of what, with --from');
      const manifest = manifestOf({ name, namespace: chosen }, options, await readManifest(around, file));
      if (options.dryRun) return show(around, manifest, options);
      return withAccess(around, self, (access) => make(access, manifest));
    });
  return withExamples(command, [
    ['dormouse new ada', 'a workspace of the default class'],
    ['dormouse new ada --idle 10m --size 5Gi --permission-mode acceptEdits --wait', 'and wait until it runs'],
    [
      'dormouse new eva --from ada --checkpoint 3',
      'a fork: what ada was at its checkpoint 3, on its own from there',
    ],
    ['dormouse new eva --from team-a/ada', 'likewise, of one in another namespace, whose people permit it'],
    ['dormouse new ada --env LANG=de_DE.UTF-8 --dry-run > ada.yaml', 'a manifest to go on from'],
  ]);
}

async function create(
  around: Surroundings,
  access: Access,
  manifest: Manifest,
  options: Options,
): Promise<void> {
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
}

function show(around: Surroundings, manifest: Manifest, { output = 'yaml' }: Options): void {
  around.out(output === 'name' ? `${qualifiedName(kinds.workspaces, manifest)}\n` : data(manifest, output));
}

async function readManifest(around: Surroundings, file: string | undefined) {
  if (file === undefined) return undefined;
  if (file === '-') return parseManifest({ name: 'standard input', text: await around.input() });
  return parseManifest({ name: file, text: await read(around, file) });
}

async function read(around: Surroundings, file: string): Promise<string> {
  try {
    return await around.readFile(file);
  } catch (error) {
    throw new Failure('usage', `${file} cannot be read: ${(error as Error).message}`);
  }
}

function collectInto(value: string, previous: string[] = []): string[] {
  return [...previous, value];
}
