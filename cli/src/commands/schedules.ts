import { type ScheduleState, scheduleState } from '@dormouse/agent-runtime/protocol';
import { Command } from 'commander';
import { z } from 'zod';
import { Failure } from '../failure.ts';
import { pathAt } from '../gateway/gateway.ts';
import type { Opened } from '../gateway/open.ts';
import { until } from '../output/age.ts';
import { data } from '../output/format.ts';
import { type Column, table } from '../output/table.ts';
import type { Access, Surroundings } from '../surroundings.ts';
import { formatOption, timeoutOption, withExamples } from './command.ts';
import { gatewayOptions, wakeThrough, withGateway } from './gateway-access.ts';

interface Options {
  end?: string;
  timeout: number;
  output?: 'json' | 'yaml';
}

export function schedulesCommand(around: Surroundings): Command {
  const command = new Command('schedules')
    .description(
      'List what the agent of a workspace is to be told later, by /loop or by its own tools, or end one of them. Wakes the workspace.',
    )
    .argument('<name>', 'the workspace')
    .option('--end <id>', 'end this one')
    .addOption(timeoutOption())
    .addOption(formatOption(['json', 'yaml']));
  for (const option of gatewayOptions()) command.addOption(option);
  command.action((name: string, options: Options, self: Command) => {
    if (options.end !== undefined && options.output !== undefined)
      throw new Failure('usage', 'an end has no output to format: -o is for the list');
    return withGateway(around, self, async (opened, access) => {
      await wakeThrough(around, opened, access, name, options.timeout);
      if (options.end === undefined) await list(around, opened, access, name, options.output);
      else await end(around, opened, access, name, options.end);
    });
  });
  return withExamples(command, [
    ['dormouse send ada "/loop 30m look at the build"', 'begin a loop'],
    ['dormouse schedules ada', 'what comes when'],
    ['dormouse schedules ada --end 4f1c9e02', 'end a loop'],
  ]);
}

async function list(
  around: Surroundings,
  { gateway }: Opened,
  { namespace }: Access,
  name: string,
  output: Options['output'],
): Promise<void> {
  const path = pathAt({ namespace, name }, 'agent/schedules');
  const all = await gateway.json(z.array(scheduleState), path, { signal: around.signal });
  if (output !== undefined) around.out(data(all, output));
  else if (all.length === 0) around.err(`nothing is scheduled in ${name}\n`);
  else around.out(table(columns(around.clock.now()), all));
}

function columns(now: number): Column<ScheduleState>[] {
  return [
    { name: 'ID', cell: ({ id }) => id },
    { name: 'SESSION', cell: ({ session }) => session },
    { name: 'WHEN', cell: ({ rhythm }) => rhythm },
    { name: 'NEXT', cell: ({ nextAt }) => until(nextAt, now) },
    { name: 'PROMPT', cell: ({ prompt }) => prompt },
  ];
}

async function end(
  around: Surroundings,
  { gateway }: Opened,
  { namespace }: Access,
  name: string,
  id: string,
): Promise<void> {
  const path = pathAt({ namespace, name }, `agent/schedules/${encodeURIComponent(id)}`);
  const ended = await gateway.json(scheduleState, path, { method: 'DELETE', signal: around.signal });
  around.out(`ended ${ended.id}: ${ended.rhythm}\n`);
}
