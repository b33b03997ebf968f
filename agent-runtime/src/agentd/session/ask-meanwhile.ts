import { randomUUID } from 'node:crypto';
import type { ApprovalDecision } from '../../protocol/agent-api.ts';
import type { RuntimeConfig } from '../../protocol/config.ts';
import type { ApprovalRequest, AskedQuestion } from '../../protocol/messages.ts';
import { tellOfQuestion } from './tool-hooks.ts';
import type { RoundContext } from './tool-round.ts';

/** Milliseconds that a person has for it, at least and at most. */
const patience = { least: 60_000, most: 3_600_000 };

/** How long a person has: the workspace is awake meanwhile, as it otherwise is for as long as nothing happens. */
export function patienceMs({ idleAfterSeconds }: Pick<RuntimeConfig, 'idleAfterSeconds'>): number {
  if (idleAfterSeconds === undefined) return patience.most;
  return Math.min(Math.max(idleAfterSeconds * 1000, patience.least), patience.most);
}

/**
 * Asks a person something while a tool runs. The question is on disk, and answered like any other; but the call goes on and does not
 * outlive a restart, and with it goes the question. Undefined: nobody answered in time.
 */
export async function askMeanwhile(
  round: RoundContext,
  call: { toolUseId: string; tool: string },
  summary: string,
  questions: readonly AskedQuestion[],
): Promise<ApprovalDecision | undefined> {
  const { host, logs, signal } = round;
  const request = questionOf(round, call, summary, questions);
  const limit = AbortSignal.timeout(patienceMs(host.config()));
  const decision = logs.decisionOf(request.id, AbortSignal.any([signal, limit]));
  // Whoever waits for it below learns how it ends; until then it may end unseen.
  decision.catch(() => undefined);
  await putQuestion(round, request);
  try {
    return await decision;
  } catch (error) {
    if (signal.aborted || !limit.aborted) throw error;
    return undefined;
  }
}

/** A question of a call that has begun. */
export function questionOf(
  { host, session }: Pick<RoundContext, 'host' | 'session'>,
  call: { toolUseId: string; tool: string },
  summary: string,
  questions: readonly AskedQuestion[],
): ApprovalRequest {
  return {
    id: randomUUID(),
    session: host.subagent?.session ?? session,
    ...call,
    summary: summary.slice(0, 2_000).toWellFormed(),
    ...(questions.length > 0 && { questions: [...questions] }),
    meanwhile: true,
    requestedAt: new Date().toISOString(),
  };
}

/** Resolves when it is on disk, where people find it. */
export async function putQuestion(round: RoundContext, request: ApprovalRequest): Promise<void> {
  const { host, logs, signal } = round;
  const { id, session, tool, questions } = request;
  await host.health.insist(signal, () => logs.appendRecords({ type: 'approval', ...request }));
  host.emit({ type: 'approval', data: { id, session, decision: 'pending' } });
  tellOfQuestion(tool, round, questions === undefined ? 'permission_prompt' : 'elicitation_dialog');
  host.active();
}
