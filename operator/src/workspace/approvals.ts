import type { AskedQuestion, RuntimeState } from '@dormouse/agent-runtime/protocol';
import type { AgentWorkspaceStatus } from '@dormouse/crds';

/** As many as a status has room for. */
const most = 16;

/** The tool calls that wait for a person, as the status tells of them; undefined where there are none. */
export function approvalsOf({ approvals }: RuntimeState): AgentWorkspaceStatus['approvals'] {
  if (approvals.length === 0) return undefined;
  const oldestFirst = [...approvals].sort((a, b) => (a.requestedAt < b.requestedAt ? -1 : 1));
  return {
    waiting: approvals.length,
    requests: oldestFirst
      .slice(0, most)
      .map(({ id, session, tool, summary, questions, plan, requestedAt }) => ({
        id: id.slice(0, 64),
        session: session.slice(0, 63),
        tool: tool.slice(0, 128),
        summary: cut(summary.replace(/\s+/g, ' '), 512),
        since: requestedAt,
        ...(questions === undefined ? {} : { questions: questions.slice(0, 4).map(shown) }),
        ...(plan === undefined ? {} : { plan: cut(plan, 8_192) }),
      })),
  };
}

function shown({ question, options, several }: AskedQuestion) {
  return {
    question: cut(question, 1_024),
    options: options.slice(0, 4).map(({ label }) => cut(label, 200)),
    several,
  };
}

function cut(text: string, length: number): string {
  return text.slice(0, length).toWellFormed();
}
