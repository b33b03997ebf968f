import type { LedgerApproval } from './ledger.ts';

/** Characters of a question, and of what the model is told of all of them. */
const limits = { summary: 500, told: 8_000 };

/** Said of a call that was under way when something ended it. It is for the model to find out what it did, never for us to run it again. */
export function interrupted(why: string, asked: readonly LedgerApproval[] = []): string {
  const text = `This tool call was interrupted because ${why}: it may or may not have taken effect. It was not run again. Look at what it left behind before you repeat it.`;
  if (asked.length === 0) return text;
  const lines = asked.map((each) => `- ${told(each)}`).join('\n');
  return `${text}\nWhile it ran, a person was asked:\n${lines}`.slice(0, limits.told).toWellFormed();
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
