import { Command } from 'commander';
import type { Surroundings } from '../surroundings.ts';
import { cliVersion } from '../version.ts';
import { withExamples } from './command.ts';

export function versionCommand(around: Surroundings): Command {
  const command = new Command('version')
    .description('Show the version of this program. `dormouse doctor` compares it with what is installed.')
    .action(() => around.out(`dormouse ${cliVersion}\n`));
  return withExamples(command, [['dormouse version', 'what to tell in a report']]);
}
