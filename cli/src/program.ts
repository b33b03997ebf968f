import { Command } from 'commander';
import { approveCommand } from './commands/approve.ts';
import { attachCommand } from './commands/attach.ts';
import { checkpointCommand } from './commands/checkpoint.ts';
import { checkpointsCommand } from './commands/checkpoints.ts';
import { accessOptions } from './commands/command.ts';
import { completionCommand } from './commands/completion.ts';
import { cpCommand } from './commands/cp.ts';
import { deleteCommand } from './commands/delete.ts';
import { describeCommand } from './commands/describe.ts';
import { doctorCommand } from './commands/doctor.ts';
import { exportCommand } from './commands/export.ts';
import { forkCommand } from './commands/fork.ts';
import { importCommand } from './commands/import.ts';
import { logsCommand } from './commands/logs.ts';
import { lsCommand } from './commands/ls.ts';
import { mcpCommand } from './commands/mcp.ts';
import { messagesCommand } from './commands/messages.ts';
import { newCommand } from './commands/new.ts';
import { pluginsCommand } from './commands/plugins.ts';
import { portForwardCommand } from './commands/port-forward.ts';
import { rewindCommand } from './commands/rewind.ts';
import { schedulesCommand } from './commands/schedules.ts';
import { sendCommand } from './commands/send.ts';
import { sessionsCommand } from './commands/sessions.ts';
import { shellCommand } from './commands/shell.ts';
import { suspendCommand } from './commands/suspend.ts';
import { transcriptCommand } from './commands/transcript.ts';
import { usageCommand } from './commands/usage.ts';
import { versionCommand } from './commands/version.ts';
import { wakeCommand } from './commands/wake.ts';
import { firstSentence } from './completion/model.ts';
import { exitCodes } from './exit-code.ts';
import type { Surroundings } from './surroundings.ts';

/** In the order of `--help`: as a person meets them. */
const commands: ((around: Surroundings) => Command)[] = [
  newCommand,
  lsCommand,
  describeCommand,
  sendCommand,
  attachCommand,
  approveCommand,
  sessionsCommand,
  transcriptCommand,
  schedulesCommand,
  mcpCommand,
  pluginsCommand,
  forkCommand,
  shellCommand,
  portForwardCommand,
  cpCommand,
  messagesCommand,
  suspendCommand,
  wakeCommand,
  checkpointCommand,
  checkpointsCommand,
  exportCommand,
  importCommand,
  rewindCommand,
  usageCommand,
  logsCommand,
  deleteCommand,
  doctorCommand,
  completionCommand,
  versionCommand,
];

/** The whole command line. Parsing it runs the command; errors of parsing are thrown as commander's. */
export function program(around: Surroundings): Command {
  const root = new Command(around.program)
    .description(
      'Agent workspaces on Kubernetes: they sleep when nobody needs them, and wake as the same workspace.',
    )
    .usage('COMMAND [OPTIONS]')
    .helpOption('-h, --help', 'this text, or that of a command')
    .helpCommand(false)
    .configureHelp({
      showGlobalOptions: true,
      subcommandTerm: (command) => `${command.name()} ${argumentsOf(command)}`.trim(),
      subcommandDescription: (command) => firstSentence(command.description()),
    })
    .configureOutput({
      writeOut: around.out,
      writeErr: around.err,
      getOutHelpWidth: () => around.terminal.columns,
      getErrHelpWidth: () => around.terminal.columns,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .exitOverride()
    .addHelpText('after', `\n${exitCodeHelp()}`);
  for (const option of accessOptions()) root.addOption(option);
  for (const command of commands) {
    // With commander's own `add`, nothing of the settings above would hold for it.
    root.addCommand(command(around).copyInheritedSettings(root));
  }
  return root;
}

/** `<name> [text...]`, as in the usage of the command. */
function argumentsOf(command: Command): string {
  return command.registeredArguments
    .map((argument) => {
      const name = argument.name() + (argument.variadic ? '...' : '');
      return argument.required ? `<${name}>` : `[${name}]`;
    })
    .join(' ');
}

function exitCodeHelp(): string {
  const lines = Object.values(exitCodes).map(
    ({ code, meaning }) => `  ${String(code).padStart(3)}  ${meaning}`,
  );
  return `Exit codes:\n${lines.join('\n')}`;
}
