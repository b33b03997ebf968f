/** The answer to a compaction request: a signed block with the summary, and nothing else. */
import { createHash } from 'node:crypto';
import { type Answer, summarize } from './answer.ts';
import { invalid } from './api-error.ts';
import { turnsOf } from './conversation.ts';
import type { MessagesRequest } from './request.ts';
import { signatureOf } from './summary.ts';
import { tokens } from './usage.ts';

/** Throws {@link ApiError} 400 for what a compaction request may not hold. */
export function compact(request: MessagesRequest, key: string): Answer {
  if (request.stop_sequences !== undefined) throw invalid('stop_sequences: not with `compaction`');
  if (request.tool_choice?.type === 'any' || request.tool_choice?.type === 'tool') {
    throw invalid('tool_choice: not with `compaction`');
  }
  const content = summarize(turnsOf(request.messages));
  const id = createHash('sha256').update(content).digest('hex').slice(0, 24);
  return {
    id: `msg_${id}`,
    parts: [{ kind: 'compaction', content, signature: signatureOf(content, key) }],
    stopReason: 'compaction',
    stopSequence: null,
    outputTokens: tokens(content),
    fault: undefined,
  };
}
