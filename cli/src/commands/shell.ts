import {
  type TerminalRequest,
  type TerminalState,
  terminalList,
  terminalState,
} from '@dormouse/agent-runtime/protocol';
import { Command } from 'commander';
import { Exited, Failure } from '../failure.ts';
import { pathAt } from '../gateway/gateway.ts';
import type { Opened } from '../gateway/open.ts';
import { patiently } from '../gateway/patiently.ts';
import { GatewayRefusal } from '../gateway/refusal.ts';
import { age } from '../output/age.ts';
import { data } from '../output/format.ts';
import { printable } from '../output/printable.ts';
import { type Column, table } from '../output/table.ts';
import { exitCodeOf } from '../shell/exit.ts';
import { useTerminal } from '../shell/use.ts';
import type { Surroundings } from '../surroundings.ts';
import { phaseOf } from '../workspace/columns.ts';
import { findWorkspace } from '../workspace/find.ts';
import { formatOption, timeoutOption, withExamples } from './command.ts';
import { gatewayOptions, wakeThrough, withGateway } from './gateway-access.ts';

interface Options {
  attach?: string;
  list?: true;
  label?: string;
  directory?: string;
  timeout: number;
  output?: 'json' | 'yaml';
}

export function shellCommand(around: Surroundings): Command {
  const command = new Command('shell')
    .description(
      'Open a terminal in the environment of a workspace: a login shell, or a command. Wakes the workspace.',
    )
    .argument('<name>', 'the workspace')
    .argument('[command...]', 'a program and its arguments, after `--`; its exit code is that of dormouse')
    .option('--attach <id>', 'join a terminal that is open')
    .option('--list', 'show the terminals that are open')
    .option('--label <name>', 'what to call the new terminal; no two open ones have the same name')
    .option('--directory <path>', 'where it starts, relative to the home')
    .addOption(timeoutOption())
    .addOption(formatOption(['json', 'yaml']))
    .addHelpText(
      'after',
      [
        '\nAt the beginning of a line:',
        '  ~.  detaches; what runs goes on until the workspace sleeps, or over that where it has process images',
        '  ~?  shows these',
        '  ~~  types a ~',
      ].join('\n'),
    );
  for (const option of gatewayOptions()) command.addOption(option);
  command.action((name: string, words: string[], options: Options, self: Command) =>
    withGateway(around, self, async (opened, access) => {
      // No terminal outlives a sleep.
      if (options.list && phaseOf(await findWorkspace(access, name, around.signal)) === 'Suspended') {
        if (options.output !== undefined) return around.out(data([], options.output));
        return around.err(`no terminal of ${name} is open: it sleeps\n`);
      }
      await wakeThrough(around, opened, access, name, options.timeout);
      const at = { namespace: access.namespace, name };
      if (options.list) await list(around, opened, at, options.output);
      else await shell(around, opened, at, words, options);
    }),
  );
  return withExamples(command, [
    ['dormouse shell ada', 'a shell'],
    ['dormouse shell ada -- make test', 'one command; ends with its exit code'],
    ['dormouse shell ada --attach t1-8c0f2e', 'go on where you left'],
  ]);
}

async function list(
  around: Surroundings,
  { gateway }: Opened,
  at: { namespace: string; name: string },
  output: Options['output'],
): Promise<void> {
  const path = pathAt(at, 'agent/terminals');
  const { terminals } = await gateway.json(terminalList, path, { signal: around.signal });
  if (output !== undefined) around.out(data(terminals, output));
  else if (terminals.length === 0) around.err(`no terminal of ${at.name} is open\n`);
  else around.out(table(columns(around.clock.now()), terminals));
}

function columns(now: number): Column<TerminalState>[] {
  return [
    { name: 'ID', cell: ({ id }) => id },
    { name: 'NAME', cell: ({ name = '' }) => name },
    { name: 'COMMAND', cell: ({ command }) => command.join(' ') },
    { name: 'SIZE', cell: (each) => `${each.columns}x${each.rows}` },
    { name: 'CLIENTS', cell: ({ clients }) => String(clients) },
    { name: 'AGE', cell: ({ startedAt }) => age(startedAt, now) },
  ];
}

async function shell(
  around: Surroundings,
  { gateway }: Opened,
  at: { namespace: string; name: string },
  words: readonly string[],
  options: Options,
): Promise<void> {
  const { tty, terminal, clock, signal, env } = around;
  const { attach: joined, directory, label } = options;
  let id = joined;
  if (id === undefined) {
    const body: TerminalRequest = {
      ...tty.size(),
      ...(env.TERM && terminal.out && { term: env.TERM }),
      ...(words.length > 0 && { command: [...words] }),
      ...(directory !== undefined && { directory }),
      ...(label !== undefined && { name: label }),
    };
    const path = pathAt(at, 'agent/terminals');
    const opened = await patiently({ clock, signal, told: mustBeRefused }, () =>
      gateway.json(terminalState, path, { method: 'POST', body, signal }),
    );
    id = opened.id;
  }
  const again = `dormouse shell ${at.name} --attach ${id} --namespace ${at.namespace}`;
  // The terminal is raw: a line begins where it is told to.
  const told = (text: string) => around.err(`\r\n[dormouse] ${printable(text)}\r\n`);
  const exit = await useTerminal({
    gateway,
    workspace: at,
    id,
    tty,
    terminal,
    clock,
    signal,
    told,
  }).catch((error: unknown) => {
    if (joined === undefined || !(error instanceof GatewayRefusal) || error.status !== 404) throw error;
    throw new Failure('notFound', `workspace "${at.name}" has no terminal "${joined}"`, [
      `Which there are:  dormouse shell ${at.name} --list --namespace ${at.namespace}`,
    ]);
  });
  if (exit === undefined) {
    around.err(`\ndetached; what runs goes on. Join it again:  ${again}\n`);
    return;
  }
  if (exit.message !== undefined) around.err(`\n${printable(exit.message)}\n`);
  const code = exitCodeOf(exit);
  if (code !== 0) throw new Exited(code);
}

/** Where it is not known whether a terminal was opened, asking again could open a second one. */
function mustBeRefused(error: Error): void {
  if (!(error instanceof GatewayRefusal) || error.status === 502) throw error;
}
