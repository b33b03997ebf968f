import {
  isAnswer,
  isControl,
  type ToolUse,
  type TranscriptEntry,
  toolResultIdsOf,
  toolUsesOf,
} from './entry.ts';

/** What a turn does next, as the transcript says it: nothing else is asked, so a restart comes to the same answer. */
export type Step =
  | { kind: 'model' }
  /** Tool calls of the last answer that have no result, in their order. `cut`: the answer ended inside a call. */
  | { kind: 'tools'; calls: ToolUse[]; cut: boolean }
  | { kind: 'done'; reply: TranscriptEntry };

export function nextStep(entries: readonly TranscriptEntry[]): Step {
  const last = entries.findLastIndex(isAnswer);
  const answer = entries[last];
  if (answer === undefined) return { kind: 'model' };
  const after = entries.slice(last + 1).filter((entry) => !isControl(entry));
  const answered = new Set(after.flatMap(toolResultIdsOf));
  const calls = toolUsesOf(answer).filter((call) => !answered.has(call.id));
  if (calls.length > 0) return { kind: 'tools', calls, cut: answer.message.stop_reason !== 'tool_use' };
  return after.length > 0 ? { kind: 'model' } : { kind: 'done', reply: answer };
}

/** The entries of the turn that the prompt of `key` began. It is looked for from the end, where it is. */
export function turnOf(entries: readonly TranscriptEntry[], key: string): TranscriptEntry[] {
  const start = entries.findLastIndex((entry) => entry.messageKey === key);
  return start === -1 ? [] : entries.slice(start);
}
