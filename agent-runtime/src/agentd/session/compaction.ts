import type { Summary } from '../model/patient-model.ts';
import { isAnswer, promptOf, type TranscriptEntry, toolResultIdsOf } from './entry.ts';
import { usageOf } from './usage.ts';
import type { NewEntry } from './write-entry.ts';

/** Bytes of JSON that make about one token. */
const bytesPerToken = 4;

/**
 * The entries that the model still sees, oldest first: the newest summary, what it left out, and what was written since, without what
 * was taken back. The transcript itself only grows: a summary is one more line of it, and so is going back.
 */
export function liveEntries(entries: readonly TranscriptEntry[]): readonly TranscriptEntry[] {
  let live: TranscriptEntry[] = [];
  /** How the conversation was before each prompt: the first `length` of `of`, which only grows. */
  const before = new Map<string, { of: TranscriptEntry[]; length: number }>();
  for (const entry of entries) {
    if (entry.rewind !== undefined) {
      const then = before.get(entry.rewind.message);
      live = then === undefined ? live : then.of.slice(0, then.length);
      continue;
    }
    const prompt = promptOf(entry);
    if (prompt !== undefined) before.set(prompt, { of: live, length: live.length });
    if (entry.compaction !== undefined) live = [entry, ...live.slice(live.length - entry.compaction.keeps)];
    else live.push(entry);
  }
  return live;
}

/** Tokens that the next request will hold: what the last answer was made from, itself, and an estimate of what came after it. */
export function contextTokens(live: readonly TranscriptEntry[]): number {
  const at = live.findLastIndex((entry) => isAnswer(entry) && entry.message.usage !== undefined);
  const since = estimate(live.slice(at + 1));
  const answer = live[at];
  if (answer === undefined) return since;
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens } = usageOf(answer);
  return inputTokens + outputTokens + cacheReadTokens + cacheWriteTokens + since;
}

function estimate(entries: readonly TranscriptEntry[]): number {
  const bytes = entries.reduce(
    (sum, entry) => sum + Buffer.byteLength(JSON.stringify(entry.message.content)),
    0,
  );
  return Math.ceil(bytes / bytesPerToken);
}

/** What a summary takes the place of, and what stays after it. */
export interface Cut {
  summarized: readonly TranscriptEntry[];
  /** So many entries at the end of the transcript are not summarized. */
  keeps: number;
}

/**
 * Where to cut a conversation that is about to be asked on. A prompt that has no answer yet stays as it is; results of tools
 * cannot stay without the calls before them. Undefined: there is nothing to summarize that is not a summary already.
 */
export function cutOf(live: readonly TranscriptEntry[]): Cut | undefined {
  const answer = live.findLastIndex(isAnswer);
  if (answer === -1) return undefined;
  const tail = live.slice(answer + 1);
  const keeps = tail.some((entry) => toolResultIdsOf(entry).length > 0) ? 0 : tail.length;
  return { summarized: live.slice(0, live.length - keeps), keeps };
}

/** The tags around a summary that this runtime asked for itself. */
const summaryTags = ['<conversation-summary>', '</conversation-summary>'] as const;

/** The line of the transcript that a summary is. A block of the API goes in as it came. Undefined: the model gave none. */
export function summaryEntry(
  summary: Summary,
  compaction: NonNullable<TranscriptEntry['compaction']>,
): NewEntry | undefined {
  const { id, type, role, model, content, stop_reason, usage } = summary.answer;
  if (summary.kind === 'block') {
    const block = content.find((it) => it.type === 'compaction' && typeof it.content === 'string');
    if (block === undefined) return undefined;
    return { message: { role, id, type, model, content: [block], stop_reason, usage }, compaction };
  }
  const text = content.flatMap((it) => (it.type === 'text' ? [String(it.text)] : [])).join('\n');
  if (!/\S/.test(text)) return undefined;
  const wrapped = [summaryTags[0], text, summaryTags[1]].join('\n');
  return { message: { role: 'user', content: [{ type: 'text', text: wrapped }], usage }, compaction };
}

/**
 * The same request with summaries as text: for a provider that does not take the block of another one.
 * A block is opaque, but its `content` is the summary in words.
 */
export function withPlainSummary(entries: readonly TranscriptEntry[]): TranscriptEntry[] {
  return entries.map((entry) => {
    if (entry.compaction === undefined || entry.message.role === 'user') return entry;
    const [block] = typeof entry.message.content === 'string' ? [] : entry.message.content;
    const text = [summaryTags[0], String(block?.content), summaryTags[1]].join('\n');
    return { ...entry, message: { role: 'user', content: [{ type: 'text', text }] } };
  });
}
