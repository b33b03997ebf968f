import { randomUUID } from 'node:crypto';
import type { ApprovalDecision } from '../../protocol/agent-api.ts';
import type { ApprovalRequest, AskedQuestion } from '../../protocol/messages.ts';
import { tellOfQuestion } from './tool-hooks.ts';
import type { RoundContext } from './tool-round.ts';

/** Milliseconds that a person has for it: the workspace is awake meanwhile. */
const patienceMs = 3_600_000;

/**
 * Asks a person something while a tool runs. The question is on disk, and answered like any other; but the call goes on and does not
 * outlive a restart, and with it goes the question. Undefined: nobody answered within an hour.
 */
export async function askMeanwhile(
  round: RoundContext,
  call: { toolUseId: string; tool: string },
  summary: string,
  questions: readonly AskedQuestion[],
): Promise<ApprovalDecision | undefined> {
  const { host, logs, signal } = round;
  const session = host.subagent?.session ?? round.session;
  const request: ApprovalRequest = {
    id: randomUUID(),
    session,
    ...call,
    summary: summary.slice(0, 2_000).toWellFormed(),
    ...(questions.length > 0 && { questions: [...questions] }),
    meanwhile: true,
    requestedAt: new Date().toISOString(),
  };
  const limit = AbortSignal.timeout(patienceMs);
  const decision = logs.decisionOf(request.id, AbortSignal.any([signal, limit]));
  // Whoever waits for it below learns how it ends; until then it may end unseen.
  decision.catch(() => undefined);
  await host.health.insist(signal, () => logs.appendRecords({ type: 'approval', ...request }));
  host.emit({ type: 'approval', data: { id: request.id, session, decision: 'pending' } });
  tellOfQuestion(call.tool, round);
  host.active();
  try {
    return await decision;
  } catch (error) {
    if (signal.aborted || !limit.aborted) throw error;
    return undefined;
  }
}
