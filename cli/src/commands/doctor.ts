import { Command } from 'commander';
import { examine } from '../doctor/examine.ts';
import type { Finding } from '../doctor/finding.ts';
import { Failure } from '../failure.ts';
import { type GatewayChoice, openGateway } from '../gateway/open.ts';
import { data } from '../output/format.ts';
import { type Style, style } from '../output/style.ts';
import type { Surroundings } from '../surroundings.ts';
import { formatOption, withAccess, withExamples } from './command.ts';
import { gatewayOptions } from './gateway-access.ts';

export function doctorCommand(around: Surroundings): Command {
  const command = new Command('doctor')
    .description('Check the installation and your rights, and say how to mend what is wrong.')
    .addOption(formatOption(['json', 'yaml']))
    .action((options: GatewayChoice & { output?: 'json' | 'yaml' }, self: Command) =>
      withAccess(around, self, async (access) => {
        const { output } = options;
        const open = () => openGateway(around, access, options);
        const findings: Finding[] = [];
        const look = style(around.terminal.out, around.env);
        for await (const finding of examine(access, around.clock, open, around.signal)) {
          findings.push(finding);
          if (output === undefined) around.out(line(finding, look));
        }
        if (output !== undefined) around.out(data(findings, output));
        const wrong = findings.filter(({ result }) => result === 'bad').length;
        if (wrong > 0)
          throw new Failure('failed', `${wrong} of ${findings.length} checks found something to mend`);
      }),
    );
  for (const option of gatewayOptions()) command.addOption(option);
  return withExamples(command, [
    ['dormouse doctor', 'is everything there, and may I use it?'],
    ['dormouse doctor -n team-a -o json', 'for a program; `result` is good, bad or unknown'],
  ]);
}

/** One finding for a person, with how to mend it below. */
export function line({ check, result, message, mend }: Finding, { good, bad, dim }: Style): string {
  const mark = { good: good('✓'), bad: bad('✗'), unknown: dim('?') }[result];
  return `${mark} ${check}: ${message}\n${mend.map((each) => `    ${each}\n`).join('')}`;
}
