import type { InboxRecord } from './inbox-record.ts';
import type { LedgerApproval } from './ledger.ts';

/** Characters of a question, and of what the model is told of all of them. */
const limits = { summary: 500, told: 8_000 };

/** Said of a call that was under way when something ended it. It is for the model to find out what it did, never for us to run it again. */
export function interrupted(
  why: string,
  asked: readonly LedgerApproval[] = [],
  byHooks: readonly Extract<InboxRecord, { type: 'elicited' }>[] = [],
): string {
  const text = `This tool call was interrupted because ${why}: it may or may not have taken effect. It was not run again. Look at what it left behind before you repeat it.`;
  const persons = asked.map((each) => `- ${told(each)}`);
  const hooks = byHooks.flatMap((each) => (each.action === undefined ? [] : [`- ${toldByHook(each)}`]));
  const lines = [
    ...(persons.length === 0 ? [] : ['While it ran, a person was asked:', ...persons]),
    ...(hooks.length === 0 ? [] : ['Hooks had its server told:', ...hooks]),
  ];
  return [text, ...lines].join('\n').slice(0, limits.told).toWellFormed();
}

/** A question, and what became of it: who answered once need not be asked to do so for nothing. */
function told({ request, decision }: LedgerApproval): string {
  const summary = request.summary.slice(0, limits.summary);
  const { questions = [] } = request;
  if (decision?.decision !== 'allow') {
    const named = questions.map(({ question }) => question).join('; ');
    const how = decision === undefined ? 'Nobody had answered.' : 'The person declined.';
    return named === '' ? `${summary} ${how}` : `${summary} (${named}) ${how}`;
  }
  const answers = questions.map(({ question }, at) => `${question}: ${decision.answers?.[at] ?? ''}`);
  return `${summary} The person answered: ${answers.join('; ') || 'yes'}`;
}

function toldByHook({
  server,
  message,
  action,
  content,
}: Extract<InboxRecord, { type: 'elicited' }>): string {
  const values = content === undefined ? '' : ` ${JSON.stringify(content).slice(0, limits.summary)}`;
  return `The MCP server ${server} asks: ${message.slice(0, limits.summary)} ${action}${values}`;
}
