import type { ApprovalRequest } from '@dormouse/agent-runtime/protocol';
import type { AgentWorkspace } from '@dormouse/crds';
import { Command, Option } from 'commander';
import { within } from '../deadline.ts';
import { Failure } from '../failure.ts';
import type { Opened } from '../gateway/open.ts';
import { age } from '../output/age.ts';
import { data } from '../output/format.ts';
import { type Column, oneLine, table } from '../output/table.ts';
import { Attachment } from '../session/attachment.ts';
import type { Access, Surroundings } from '../surroundings.ts';
import { progress } from '../terminal/progress.ts';
import { phaseOf } from '../workspace/columns.ts';
import { findWorkspace } from '../workspace/find.ts';
import { mustBeWakeable } from '../workspace/wakeable.ts';
import { formatOption, timeoutOption, withAccess, withExamples } from './command.ts';
import { gatewayOptions, wakeThrough, withGateway } from './gateway-access.ts';

interface Options {
  allow?: true;
  deny?: true;
  reason?: string;
  answer?: string[];
  timeout: number;
  output?: 'json' | 'yaml';
}

/** A tool call that waits, as the status of its workspace tells of it. */
type Question = NonNullable<NonNullable<AgentWorkspace['status']>['approvals']>['requests'][number];

export function approveCommand(around: Surroundings): Command {
  const command = new Command('approve')
    .description(
      'Answer a tool call that waits for a person: allow it or deny it. Without an id and an answer, list those that wait. An answer wakes the workspace, the list does not.',
    )
    .argument('<name>', 'the workspace')
    .argument('[id]', 'the tool call, as the list has it; may be left out where only one waits')
    .addOption(new Option('--allow', 'allow it; so it is, too, where only the id is given').conflicts('deny'))
    .option('--deny', 'deny it')
    .option('--reason <text>', 'why it is denied, as the agent shall read it')
    .addOption(
      new Option('--answer <text...>', 'the answer to each question of the agent, in their order').conflicts(
        'deny',
      ),
    )
    .addOption(timeoutOption())
    .addOption(formatOption(['json', 'yaml']));
  for (const option of gatewayOptions()) command.addOption(option);
  command.action((name: string, id: string | undefined, options: Options, self: Command) => {
    const answers = id !== undefined || options.allow || options.deny || options.answer !== undefined;
    mustFit(Boolean(answers), options);
    if (!answers) return withAccess(around, self, (access) => list(around, access, name, options.output));
    return withGateway(around, self, async (opened, access) => {
      await mustBeWakeable(access, name, around.signal);
      const question = await questionOf(around, opened, access, name, id, options.timeout);
      await answer(around, opened, access, name, question, options);
    });
  });
  return withExamples(command, [
    ['dormouse approve ada', 'what waits for an answer'],
    ['dormouse approve ada --allow', 'allow the one call that waits'],
    ['dormouse approve ada 4f1c', 'allow this one'],
    ['dormouse approve ada 4f1c --answer Blue', 'answer the question that it asks'],
    ['dormouse approve ada 4f1c --deny --reason "not on a Friday"', 'deny it, and say why'],
  ]);
}

/** @throws Failure `usage` */
function mustFit(answers: boolean, { deny, reason, output }: Options): void {
  if (answers && output !== undefined)
    throw new Failure('usage', 'an answer has no output to format: -o is for the list');
  if (reason !== undefined && !deny) throw new Failure('usage', 'only a denial has a reason: add --deny');
}

/** From the status, which says it of a workspace that sleeps as well. */
async function list(
  around: Surroundings,
  access: Access,
  name: string,
  output: Options['output'],
): Promise<void> {
  const { requests, waiting } = asked(await findWorkspace(access, name, around.signal));
  if (output !== undefined) around.out(data(requests, output));
  else if (requests.length === 0) around.err(`nothing of ${name} waits for an answer\n`);
  else around.out(`${table(columns(around.clock.now()), requests)}${requests.map(details).join('')}`);
  const more = waiting - requests.length;
  if (more > 0) around.err(`and ${more} more, which are shown once these are answered\n`);
}

/** What one line has no room for. */
function details({ id, questions = [], plan }: Question): string {
  const choices = questions.flatMap(({ question, options, several }) => [
    oneLine(question),
    ...options.map((option) => `  - ${oneLine(option)}`),
    ...(several ? ['  (several may be chosen)'] : []),
  ]);
  const lines = [...choices, ...(plan === undefined ? [] : plan.split('\n').map((line) => oneLine(line)))];
  return lines.length === 0 ? '' : `\n${id}:\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

function asked({ status }: AgentWorkspace): { requests: readonly Question[]; waiting: number } {
  return status?.approvals ?? { requests: [], waiting: 0 };
}

function columns(now: number): Column<Question>[] {
  return [
    { name: 'ID', cell: ({ id }) => id },
    { name: 'SESSION', cell: ({ session }) => session },
    { name: 'AGE', cell: ({ since }) => age(since, now) },
    { name: 'TOOL', cell: ({ tool }) => tool },
    { name: 'WHAT', cell: ({ summary }) => summary },
  ];
}

/** The question that is meant. A workspace that sleeps is not woken for one that it never asked. */
async function questionOf(
  around: Surroundings,
  opened: Opened,
  access: Access,
  name: string,
  id: string | undefined,
  timeout: number,
): Promise<Question> {
  const { namespace } = access;
  const workspace = await findWorkspace(access, name, around.signal);
  const { requests, waiting } = asked(workspace);
  const list = [`What waits:  dormouse approve ${name} --namespace ${namespace}`];
  if (id === undefined) {
    const [only] = requests;
    if (only !== undefined && waiting === 1) return only;
    if (waiting > 1)
      throw new Failure('usage', `${waiting} calls of workspace "${name}" wait: which one is meant?`, list);
    throw new Failure('notFound', `nothing of workspace "${name}" waits for an answer`);
  }
  const known = requests.find((each) => each.id === id);
  if (known !== undefined) return known;
  if (phaseOf(workspace) !== 'Suspended' || waiting > requests.length) {
    // The status is a moment behind, and has not room for all.
    const { approvals } = await wakeThrough(around, opened, access, name, timeout);
    const found = approvals.find((each) => each.id === id);
    if (found !== undefined) return asInStatus(found);
  }
  throw new Failure('notFound', `no question "${id}" of workspace "${name}" waits for an answer`, list);
}

function asInStatus({ requestedAt, questions, plan, ...request }: ApprovalRequest): Question {
  return {
    ...request,
    since: requestedAt,
    ...(plan !== undefined && { plan }),
    ...(questions !== undefined && {
      questions: questions.map((each) => ({ ...each, options: each.options.map(({ label }) => label) })),
    }),
  };
}

async function answer(
  around: Surroundings,
  { gateway }: Opened,
  { namespace }: Access,
  name: string,
  question: Question,
  { deny, reason, answer: answers, timeout }: Options,
): Promise<void> {
  mustAnswer(question, answers, deny);
  const { clock } = around;
  const decision = deny ? 'deny' : 'allow';
  const shown = progress(around);
  let hindrance = 'it has not answered';
  const late = () => new Failure('timeout', `workspace "${name}" did not take it in time: ${hindrance}`);
  const told = (what: string) => {
    hindrance = what;
    shown.say(`answering: ${what}`);
  };
  // An answer that got lost on its way back is given again, and is the same answer.
  const key = `cli-${around.random(16)}`;
  try {
    const taken = await within(around, timeout, late, (signal) => {
      const workspace = { namespace, name };
      const attachment = new Attachment({ gateway, workspace, session: question.session, clock, signal });
      const given = {
        decision,
        key,
        ...(reason !== undefined && { reason }),
        ...(answers !== undefined && { answers }),
      } as const;
      return attachment.answer(question, given, told);
    });
    if (!taken)
      throw new Failure('refused', `question "${question.id}" has been answered already, or waits no longer`);
  } finally {
    shown.end();
  }
  const done = decision === 'allow' ? 'allowed' : 'denied';
  around.out(`${done}: ${oneLine(`${question.tool} ${question.summary}`)}\n`);
}

/** @throws Failure `usage` where an answer is missing, or answers nothing */
function mustAnswer(
  { id, questions = [] }: Question,
  answers: string[] | undefined,
  deny: true | undefined,
): void {
  if (deny || (answers?.length ?? 0) === questions.length) return;
  if (questions.length === 0)
    throw new Failure('usage', `"${id}" asks nothing, it wants to do something: --allow or --deny`);
  throw new Failure(
    'usage',
    `"${id}" asks ${questions.length === 1 ? 'something' : `${questions.length} things`}: answer each with --answer`,
    questions.map(
      ({ question, options }) => `${oneLine(question)}  ${options.map((each) => oneLine(each)).join(' | ')}`,
    ),
  );
}
