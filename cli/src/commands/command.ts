import { duration as durationSchema, milliseconds } from '@dormouse/crds';
import { KubeError } from '@dormouse/operator/kube';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { explain } from '../access/explain.ts';
import type { Access, AccessChoice, Surroundings } from '../surroundings.ts';

/** A command line that does something, and what it does. */
export type Example = readonly [line: string, does: string];

const examples = new WeakMap<Command, readonly Example[]>();

/** Shows examples below the help of a command, and gives them to the reference. */
export function withExamples(command: Command, lines: readonly Example[]): Command {
  examples.set(command, lines);
  const shown = lines.map(([line, does]) => `  ${line}\n      ${does}`).join('\n');
  return command.addHelpText('after', `\nExamples:\n${shown}`);
}

export function examplesOf(command: Command): readonly Example[] {
  return examples.get(command) ?? [];
}

/** Options that every command takes: they say which cluster and namespace. */
export function accessOptions(): Option[] {
  return [
    new Option('-n, --namespace <name>', 'the namespace; by default the one of the context'),
    new Option('--context <name>', 'the context of the kubeconfig; by default its current one'),
    new Option('--kubeconfig <file>', 'the kubeconfig; by default $KUBECONFIG, else ~/.kube/config'),
  ];
}

/** Lets `work` use the cluster that the command line means, and says what the API server's errors mean. */
export async function withAccess(
  around: Surroundings,
  command: Command,
  work: (access: Access) => Promise<void>,
): Promise<void> {
  const access = await around.connect(command.optsWithGlobals<AccessChoice>());
  try {
    await work(access);
  } catch (error) {
    throw error instanceof KubeError ? explain(error, access.server) : error;
  } finally {
    await access.kube.close();
  }
}

/** `-o`, as one of `formats`. */
export function formatOption(formats: readonly string[]): Option {
  return new Option('-o, --output <format>', 'how to show it').choices(formats);
}

/** `-A`, for whatever lists. */
export function allNamespacesOption(): Option {
  return new Option('-A, --all-namespaces', 'of all namespaces');
}

/** How long what waits does so: `--timeout`, five minutes unless told otherwise. */
export function timeoutOption(): Option {
  return new Option('--timeout <duration>', 'how long to wait')
    .argParser(durationArgument)
    .default(300_000, '5m');
}

/** Milliseconds of an argument such as `90s` or `1h30m`. */
export function durationArgument(text: string): number {
  if (!durationSchema.safeParse(text).success) {
    throw new InvalidArgumentError('It must be a duration such as 30s, 15m or 1h30m.');
  }
  return milliseconds(text);
}

/** A duration for a field of an object, as it was given. */
export function durationText(text: string): string {
  durationArgument(text);
  return text;
}
