import type { ApprovalRequest } from '@dormouse/agent-runtime/protocol';
import { Command } from 'commander';
import { within } from '../deadline.ts';
import { Failure } from '../failure.ts';
import type { Opened } from '../gateway/open.ts';
import { age } from '../output/age.ts';
import { data } from '../output/format.ts';
import { type Column, oneLine, table } from '../output/table.ts';
import { Attachment } from '../session/attachment.ts';
import type { Access, Surroundings } from '../surroundings.ts';
import { progress } from '../terminal/progress.ts';
import { formatOption, timeoutOption, withExamples } from './command.ts';
import { gatewayOptions, wakeThrough, withGateway } from './gateway-access.ts';

interface Options {
  deny?: true;
  reason?: string;
  timeout: number;
  output?: 'json' | 'yaml';
}

export function approveCommand(around: Surroundings): Command {
  const command = new Command('approve')
    .description(
      'Answer a tool call that waits for a person: allow it or deny it. Without an id, list those that wait. Wakes the workspace.',
    )
    .argument('<name>', 'the workspace')
    .argument('[id]', 'the tool call, as the list has it')
    .option('--deny', 'deny it')
    .option('--reason <text>', 'why it is denied, as the agent shall read it')
    .addOption(timeoutOption())
    .addOption(formatOption(['json', 'yaml']));
  for (const option of gatewayOptions()) command.addOption(option);
  command.action((name: string, id: string | undefined, options: Options, self: Command) => {
    mustFit(id, options);
    return withGateway(around, self, async (opened, access) => {
      const { approvals } = await wakeThrough(around, opened, access, name, options.timeout);
      if (id === undefined) list(around, name, approvals, options.output);
      else await answer(around, opened, access, name, questionOf(access, name, approvals, id), options);
    });
  });
  return withExamples(command, [
    ['dormouse approve ada', 'what waits for an answer'],
    ['dormouse approve ada 4f1c', 'allow it'],
    ['dormouse approve ada 4f1c --deny --reason "not on a Friday"', 'deny it, and say why'],
  ]);
}

/** @throws Failure `usage` */
function mustFit(id: string | undefined, { deny, reason, output }: Options): void {
  if (id === undefined && (deny || reason !== undefined))
    throw new Failure('usage', 'which question is denied? Its id is missing');
  if (id !== undefined && output !== undefined)
    throw new Failure('usage', 'an answer has no output to format: -o is for the list');
  if (reason !== undefined && !deny) throw new Failure('usage', 'only a denial has a reason: add --deny');
}

function list(
  around: Surroundings,
  name: string,
  approvals: readonly ApprovalRequest[],
  output: Options['output'],
): void {
  if (output !== undefined) around.out(data(approvals, output));
  else if (approvals.length === 0) around.err(`nothing of ${name} waits for an answer\n`);
  else around.out(table(columns(around.clock.now()), approvals));
}

function columns(now: number): Column<ApprovalRequest>[] {
  return [
    { name: 'ID', cell: ({ id }) => id },
    { name: 'SESSION', cell: ({ session }) => session },
    { name: 'AGE', cell: ({ requestedAt }) => age(requestedAt, now) },
    { name: 'TOOL', cell: ({ tool }) => tool },
    { name: 'WHAT', cell: ({ summary }) => summary },
  ];
}

function questionOf(
  { namespace }: Access,
  name: string,
  approvals: readonly ApprovalRequest[],
  id: string,
): ApprovalRequest {
  const question = approvals.find((each) => each.id === id);
  if (question !== undefined) return question;
  throw new Failure('notFound', `no question "${id}" of workspace "${name}" waits for an answer`, [
    `What waits:  dormouse approve ${name} --namespace ${namespace}`,
  ]);
}

async function answer(
  around: Surroundings,
  { gateway }: Opened,
  { namespace }: Access,
  name: string,
  question: ApprovalRequest,
  { deny, reason, timeout }: Options,
): Promise<void> {
  const { clock } = around;
  const decision = deny ? 'deny' : 'allow';
  const shown = progress(around);
  let hindrance = 'it has not answered';
  const late = () => new Failure('timeout', `workspace "${name}" did not take it in time: ${hindrance}`);
  const told = (what: string) => {
    hindrance = what;
    shown.say(`answering: ${what}`);
  };
  try {
    const taken = await within(around, timeout, late, (signal) => {
      const workspace = { namespace, name };
      const attachment = new Attachment({ gateway, workspace, session: question.session, clock, signal });
      return attachment.answer(question, { decision, ...(reason !== undefined && { reason }) }, told);
    });
    if (!taken) throw new Failure('refused', `question "${question.id}" has been answered already`);
  } finally {
    shown.end();
  }
  const done = decision === 'allow' ? 'allowed' : 'denied';
  around.out(`${done}: ${oneLine(`${question.tool} ${question.summary}`)}\n`);
}
