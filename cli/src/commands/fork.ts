import { sessionDetail } from '@dormouse/agent-runtime/protocol';
import { Command } from 'commander';
import { pathAt } from '../gateway/gateway.ts';
import type { Opened } from '../gateway/open.ts';
import type { Access, Surroundings } from '../surroundings.ts';
import { timeoutOption, withExamples } from './command.ts';
import { gatewayOptions, wakeThrough, withGateway } from './gateway-access.ts';

interface Options {
  session: string;
  at?: string;
  timeout: number;
}

export function forkCommand(around: Surroundings): Command {
  const command = new Command('fork')
    .description(
      'Begin a new session with the conversation of another one. Both share the files; `new --from` forks these too. Wakes the workspace.',
    )
    .argument('<name>', 'the workspace')
    .argument('<session>', 'the new session')
    .option('--session <name>', 'the session whose conversation it takes over', 'default')
    .option('--at <uuid>', 'the last entry of the transcript to take over; by default all of it')
    .addOption(timeoutOption());
  for (const option of gatewayOptions()) command.addOption(option);
  command.action((name: string, fresh: string, options: Options, self: Command) =>
    withGateway(around, self, async (opened, access) => {
      await wakeThrough(around, opened, access, name, options.timeout);
      await fork(around, opened, access, name, fresh, options);
    }),
  );
  return withExamples(command, [
    ['dormouse fork ada another-way', 'try something else from where the session "default" is'],
    ['dormouse attach ada --session another-way', 'and go on there'],
  ]);
}

async function fork(
  around: Surroundings,
  { gateway }: Opened,
  { namespace }: Access,
  name: string,
  fresh: string,
  { session, at }: Options,
): Promise<void> {
  const path = pathAt({ namespace, name }, `agent/sessions/${encodeURIComponent(session)}/fork`);
  const body = { session: fresh, ...(at !== undefined && { at }) };
  const made = await gateway.json(sessionDetail, path, { method: 'POST', body, signal: around.signal });
  around.out(`session ${made.id} begins with ${made.entries} entries of ${session}\n`);
}
