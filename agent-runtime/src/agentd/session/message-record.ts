import type { MessageRecord } from '../../protocol/messages.ts';
import { type TranscriptEntry, textOf } from './entry.ts';
import type { Ledger, LedgerMessage } from './ledger.ts';
import { turnOf } from './step.ts';
import { turnUsage } from './usage.ts';

/**
 * What is told of a message.
 *
 * @param entries of the transcript, where its usage and its reply are looked for
 * @param trouble what it waits for at work, where it is no person
 */
export function recordOf(
  session: string,
  { request, receivedAt, startedAt, settled }: LedgerMessage,
  ledger: Pick<Ledger, 'undecided'>,
  entries?: readonly TranscriptEntry[],
  trouble?: { reason: string; message: string },
): MessageRecord {
  const base = {
    key: request.key,
    session,
    receivedAt,
    ...(startedAt !== undefined && { startedAt }),
  };
  const turn = entries === undefined ? [] : turnOf(entries, request.key);
  if (settled !== undefined) {
    const reply = turn.find((entry) => entry.uuid === settled.replyEntry);
    return {
      ...base,
      phase: settled.phase,
      completedAt: settled.at,
      usage: settled.usage,
      ...(reply !== undefined && { reply: { text: textOf(reply), entry: reply.uuid } }),
      ...(settled.reason !== undefined && { reason: settled.reason }),
      ...(settled.message !== undefined && { message: settled.message }),
    };
  }
  if (startedAt === undefined) return { ...base, phase: 'Queued' };
  const pendingApprovals = ledger.undecided();
  const asks = {
    reason: 'WaitingForApproval',
    message: 'A tool call waits for a person to allow or deny it.',
    pendingApprovals,
  };
  return {
    ...base,
    phase: 'Working',
    ...(entries !== undefined && { usage: turnUsage(turn) }),
    ...(pendingApprovals.length > 0 ? asks : trouble),
  };
}
