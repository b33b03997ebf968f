import type { AgentMessage } from '@dormouse/crds';
import { Command } from 'commander';
import { kinds } from '../cluster/resources.ts';
import { Failure } from '../failure.ts';
import { messageColumns } from '../message/columns.ts';
import { conversation } from '../message/conversation.ts';
import { formatList, formatObject, type ListFormat, listFormats } from '../output/format.ts';
import { printable } from '../output/printable.ts';
import type { Surroundings } from '../surroundings.ts';
import { findWorkspace, ofWorkspace } from '../workspace/find.ts';
import { formatOption, withAccess, withExamples } from './command.ts';

interface Options {
  session?: string;
  output?: ListFormat;
}

export function messagesCommand(around: Surroundings): Command {
  const command = new Command('messages')
    .description('List the messages of a workspace, or show one with its reply.')
    .argument('<name>', 'the workspace')
    .argument('[message]', 'one message of it')
    .option('--session <name>', 'only those of one session')
    .addOption(formatOption(listFormats))
    .action((name: string, message: string | undefined, options: Options, self: Command) =>
      withAccess(around, self, async (access) => {
        const { kube, namespace } = access;
        const { signal } = around;
        await findWorkspace(access, name, signal);
        const all = ofWorkspace((await kube.list(kinds.messages, { namespace, signal })).items, name);
        if (message !== undefined) return show(around, find(all, message, name), options.output);
        const wanted = all.filter(({ spec }) => (options.session ?? spec.session) === spec.session);
        if (wanted.length === 0 && (options.output === undefined || options.output === 'wide')) {
          around.err(`There are no messages to "${name}". Send one:  dormouse send ${name} TEXT\n`);
          return;
        }
        around.out(formatList(kinds.messages, wanted, options.output, messageColumns(around.clock.now())));
      }),
    );
  return withExamples(command, [
    ['dormouse messages ada', 'what was asked lately, and how it stands'],
    ['dormouse messages ada ada-x1y2z', 'one message, with its whole text and its reply'],
  ]);
}

function show(around: Surroundings, message: AgentMessage, format: ListFormat | undefined): void {
  if (format !== undefined && format !== 'wide') {
    around.out(formatObject(kinds.messages, message, format));
    return;
  }
  const text = conversation(message);
  around.out(around.terminal.out ? printable(text) : text);
}

function find(all: AgentMessage[], message: string, workspace: string): AgentMessage {
  const found = all.find(({ metadata }) => metadata.name === message);
  if (found !== undefined) return found;
  throw new Failure('notFound', `workspace "${workspace}" has no message "${message}"`, [
    'A finished message is deleted by its spec.ttlAfterCompleted, a day unless it says otherwise.',
    `What is there:  dormouse messages ${workspace}`,
  ]);
}
