import { attachedUntilAnnotation } from '@dormouse/crds';
import { Command, Option } from 'commander';
import { kinds } from '../cluster/resources.ts';
import type { Surroundings } from '../surroundings.ts';
import { awaitPhase } from '../workspace/await-phase.ts';
import { findWorkspace } from '../workspace/find.ts';
import { durationArgument, timeoutOption, withAccess, withExamples } from './command.ts';

interface Options {
  for: number;
  wait?: true;
  timeout: number;
}

export function wakeCommand(around: Surroundings): Command {
  const command = new Command('wake')
    .description(
      'Wake a workspace and keep it awake for a while. After that it sleeps again when it is idle.',
    )
    .argument('<name>', 'the workspace')
    .addOption(
      new Option('--for <duration>', 'how long it stays awake at least')
        .argParser(durationArgument)
        .default(300_000, '5m'),
    )
    .option('--wait', 'wait until it runs')
    .addOption(timeoutOption())
    .action((name: string, options: Options, self: Command) =>
      withAccess(around, self, async (access) => {
        const { kube, namespace } = access;
        const { metadata, spec } = await findWorkspace(access, name, around.signal);
        const attachedUntil = latest(
          metadata.annotations?.[attachedUntilAnnotation],
          around.clock.now() + options.for,
        );
        const after = await kube.patch(
          kinds.workspaces,
          { namespace, name },
          {
            metadata: { annotations: { [attachedUntilAnnotation]: attachedUntil } },
            ...(spec.runPolicy === 'Suspended' && { spec: { runPolicy: 'Auto' } }),
          },
          { signal: around.signal },
        );
        if (options.wait) {
          await awaitPhase(around, access, after, ['Running'], options.timeout);
          around.out(`${name} runs, and stays awake until ${attachedUntil}\n`);
        } else around.out(`${name} wakes up, and stays awake until ${attachedUntil}\n`);
      }),
    );
  return withExamples(command, [
    ['dormouse wake ada --wait', 'until its agent answers'],
    ['dormouse wake ada --for 8h', 'for a day of work'],
  ]);
}

/** Somebody else may have asked for more: the later of both, as RFC 3339 without milliseconds. */
function latest(annotated: string | undefined, asked: number): string {
  const known = Date.parse(annotated ?? '');
  const until = Number.isNaN(known) ? asked : Math.max(known, asked);
  return new Date(until).toISOString().replace(/\.\d+Z$/, 'Z');
}
