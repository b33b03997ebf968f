import type { MessageRecord } from '@dormouse/agent-runtime/protocol';
import type { AgentMessage, AgentMessageStatus, MessageReason } from '@dormouse/crds';
import { milliseconds } from '@dormouse/crds';
import { cutText } from '../runtime/index.ts';
import type { Action } from '../workspace/actions.ts';
import { sameValue } from '../workspace/equality.ts';
import { instant, millisecondsAt } from '../workspace/instant.ts';
import { arrivalOf } from './order.ts';

const phases = { Queued: 'Delivered', Working: 'Working', Completed: 'Completed', Failed: 'Failed' } as const;
const order = { Pending: 0, Delivered: 1, Working: 2, Completed: 3, Failed: 3 } as const;

/** What the status of a message says when agentd answered `record`. A phase never goes back. */
export function statusFromRecord(
  message: AgentMessage,
  record: MessageRecord,
  now: number,
): AgentMessageStatus {
  const before = message.status ?? {};
  const phase = phases[record.phase];
  if (order[phase] < order[before.phase ?? 'Pending']) return before;
  const reply = record.reply === undefined ? undefined : cutText(record.reply.text);
  const approvals = record.pendingApprovals ?? [];
  return {
    phase,
    observedGeneration: message.metadata.generation ?? 1,
    arrival: arrivalOf(message),
    deliveredAt: before.deliveredAt ?? instant(now),
    ...(record.startedAt === undefined ? {} : { startedAt: record.startedAt }),
    ...(phase === 'Completed' || phase === 'Failed'
      ? { completedAt: record.completedAt ?? instant(now) }
      : {}),
    ...(reply === undefined || record.reply === undefined
      ? {}
      : {
          reply: {
            ...reply,
            transcript: { session: record.session.slice(0, 63), uuid: record.reply.entry.slice(0, 64) },
          },
        }),
    ...(record.usage === undefined ? {} : { usage: record.usage }),
    ...(approvals.length === 0
      ? {}
      : {
          pendingApprovals: approvals.slice(0, 32).map(({ id, tool, summary }) => ({
            id: id.slice(0, 64),
            tool: tool.slice(0, 128),
            summary: summary.slice(0, 1024),
          })),
        }),
    ...(record.reason === undefined ? {} : { reason: record.reason.slice(0, 256) }),
    ...(record.message === undefined ? {} : { message: record.message.slice(0, 4096) }),
  };
}

/** Why an answer to a question came to nothing, by the code of agentd's refusal. */
const unanswered = {
  not_found: 'ApprovalUnknown',
  conflict: 'ApprovalAnswered',
  expired: 'ApprovalExpired',
} as const satisfies Record<string, MessageReason>;

/**
 * The record of a message that answers a question: agentd keeps none, as the answer itself is what it keeps. `refused`: what
 * it said instead of taking it. Undefined for a refusal that does not mean this one answer.
 */
export function recordOfAnswer(
  { metadata, spec }: AgentMessage,
  now: number,
  refused?: { code: string; message: string },
): MessageRecord | undefined {
  const at = new Date(now).toISOString();
  const record = { key: metadata.uid ?? '', session: spec.session, receivedAt: at, completedAt: at };
  if (refused === undefined) return { ...record, phase: 'Completed' };
  if (!(refused.code in unanswered)) return undefined;
  const reason = unanswered[refused.code as keyof typeof unanswered];
  return { ...record, phase: 'Failed', reason, message: refused.message };
}

/** The status of a message that waits, and what for. */
export function waiting(message: AgentMessage, reason: MessageReason, text: string): AgentMessageStatus {
  return {
    phase: 'Pending',
    observedGeneration: message.metadata.generation ?? 1,
    arrival: arrivalOf(message),
    reason,
    message: text,
  };
}

/** The status of a message that will not be worked on. */
export function failed(
  message: AgentMessage,
  reason: MessageReason,
  text: string,
  now: number,
): AgentMessageStatus {
  const { pendingApprovals: _answered, ...before } = message.status ?? {};
  return {
    ...before,
    phase: 'Failed',
    observedGeneration: message.metadata.generation ?? 1,
    arrival: arrivalOf(message),
    completedAt: instant(now),
    reason,
    message: text,
  };
}

/** Writes a status where it differs from the one that is there. */
export function writeMessage(message: AgentMessage, status: AgentMessageStatus): Action[] {
  return sameValue(message.status ?? {}, status)
    ? []
    : [{ do: 'writeMessage', name: message.metadata.name, status }];
}

/** Removes completed messages after their time; says when the next one is due. */
export function expire(
  messages: readonly AgentMessage[],
  now: number,
): { actions: Action[]; deadline: number | undefined } {
  const actions: Action[] = [];
  let deadline: number | undefined;
  for (const { metadata, spec, status } of messages) {
    if (status?.phase !== 'Completed' && status?.phase !== 'Failed') continue;
    const completed = millisecondsAt(status.completedAt);
    if (completed === undefined || metadata.deletionTimestamp !== undefined) continue;
    const due = completed + milliseconds(spec.ttlAfterCompleted);
    if (due <= now) actions.push({ do: 'deleteMessage', name: metadata.name, uid: metadata.uid ?? '' });
    else deadline = Math.min(deadline ?? due, due);
  }
  return { actions, deadline };
}
