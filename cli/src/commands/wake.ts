import { Command, Option } from 'commander';
import type { Surroundings } from '../surroundings.ts';
import { askAwake } from '../workspace/attached-until.ts';
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
        const found = await findWorkspace(access, name, around.signal);
        const { workspace, until } = await askAwake(access, found, options.for, around.clock, around.signal);
        if (options.wait) {
          await awaitPhase(around, access, workspace, ['Running'], options.timeout);
          around.out(`${name} runs, and stays awake until ${until}\n`);
        } else around.out(`${name} wakes up, and stays awake until ${until}\n`);
      }),
    );
  return withExamples(command, [
    ['dormouse wake ada --wait', 'until its agent answers'],
    ['dormouse wake ada --for 8h', 'for a day of work'],
  ]);
}
