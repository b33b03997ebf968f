import { text } from 'node:stream/consumers';
import { errorOf, keyOf } from '@dormouse/operator/kube';
import { Command, InvalidArgumentError, Option } from 'commander';
import { Failure } from '../failure.ts';
import { age } from '../output/age.ts';
import type { Access, Surroundings } from '../surroundings.ts';
import { phaseOf } from '../workspace/columns.ts';
import { findWorkspace } from '../workspace/find.ts';
import { why } from '../workspace/why.ts';
import { withAccess, withExamples } from './command.ts';

interface Options {
  container: 'agent' | 'workspace';
  follow?: true;
  tail?: number;
}

export function logsCommand(around: Surroundings): Command {
  const command = new Command('logs')
    .description(
      'Show the log of a workspace that is awake: of its agent, or of what runs tools and services.',
    )
    .argument('<name>', 'the workspace')
    .addOption(
      new Option('-c, --container <name>', 'which of the two')
        .choices(['agent', 'workspace'])
        .default('agent'),
    )
    .option('-f, --follow', 'go on showing what is written until it sleeps or Ctrl-C')
    .option('--tail <lines>', 'only so many lines from the end', lines)
    .action((name: string, options: Options, self: Command) =>
      withAccess(around, self, (access) => logs(around, access, name, options)),
    );
  return withExamples(command, [
    ['dormouse logs ada -f', 'follow the agent'],
    ['dormouse logs ada -c workspace --tail 50', 'the end of what its tools and services wrote'],
  ]);
}

async function logs(around: Surroundings, access: Access, name: string, options: Options): Promise<void> {
  const { kube, namespace } = access;
  const { signal } = around;
  const workspace = await findWorkspace(access, name, signal);
  if (phaseOf(workspace) === 'Suspended') {
    const since = age(workspace.status?.suspendedSince, around.clock.now());
    throw new Failure(
      'failed',
      `workspace "${name}" sleeps${since && ` since ${since}`}: there is no pod, and so no log`,
      [`Wake it:  dormouse wake ${name} --wait --namespace ${namespace}`],
    );
  }
  const query = new URLSearchParams({ container: options.container });
  if (options.follow) query.set('follow', 'true');
  if (options.tail !== undefined) query.set('tailLines', String(options.tail));
  const pod = ['namespaces', namespace, 'pods', name].map(encodeURIComponent).join('/');
  const { status, body } = await kube.raw({ method: 'GET', path: `/api/v1/${pod}/log?${query}`, signal });
  if (status >= 300) {
    const refusal = await text(body);
    if (status !== 404 && status !== 400)
      throw errorOf(`get pods ${keyOf({ namespace, name })}`, status, refusal);
    throw new Failure(
      'failed',
      `workspace "${name}" is ${phaseOf(workspace)} and has no log yet: ${why(workspace)}`,
      [`More:  dormouse describe ${name} --namespace ${namespace}`],
    );
  }
  const decoder = new TextDecoder();
  try {
    for await (const chunk of body) around.out(decoder.decode(chunk as Buffer, { stream: true }));
  } catch (error) {
    signal.throwIfAborted();
    throw new Failure('unreachable', `the log of "${name}" was cut: ${(error as Error).message}`);
  }
  if (options.follow) around.err(`The log of "${name}" ended: its pod is gone or its container ended.\n`);
}

function lines(given: string): number {
  if (!/^\d+$/.test(given)) throw new InvalidArgumentError('It must be a number of lines.');
  return Number(given);
}
