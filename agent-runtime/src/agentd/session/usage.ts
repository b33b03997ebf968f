import type { MessageRecord, TokenUsage } from '../../protocol/messages.ts';
import type { ApiTokens, TranscriptEntry } from './entry.ts';

export const noUsage: TokenUsage = {
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
};

/** What an entry cost: the answer that it is, or what the tool whose result it is asked the model for. */
export function usageOf(entry: Pick<TranscriptEntry, 'message' | 'modelUsage'>): TokenUsage {
  const usage = entry.message.usage;
  if (usage === undefined) return entry.modelUsage ?? noUsage;
  const compactions = usage.iterations?.filter((iteration) => iteration.type === 'compaction') ?? [];
  return [usage, ...compactions].map(tokensOf).reduce(addUsage);
}

function tokensOf(usage: ApiTokens): TokenUsage {
  return {
    inputTokens: usage.input_tokens,
    outputTokens: usage.output_tokens,
    cacheReadTokens: usage.cache_read_input_tokens ?? 0,
    cacheWriteTokens: usage.cache_creation_input_tokens ?? 0,
  };
}

export function addUsage(a: TokenUsage, b: TokenUsage): TokenUsage {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
    cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
  };
}

/** What a message cost: the sum over the answers of its turn, and what its subagents cost. */
export function turnUsage(turn: readonly TranscriptEntry[]): NonNullable<MessageRecord['usage']> {
  return turn.flatMap((entry) => [usageOf(entry), entry.subagentUsage ?? noUsage]).reduce(addUsage, noUsage);
}

/** What counts against `maxTokensPerDay`: everything the model read, cached or not, and wrote. */
export function totalTokens(usage: TokenUsage): number {
  return usage.inputTokens + usage.outputTokens + usage.cacheReadTokens + usage.cacheWriteTokens;
}

/** The UTC day of a timestamp: `2026-11-23`. */
export function utcDay(timestamp: string): string {
  return timestamp.slice(0, 10);
}

/**
 * Tokens spent on each UTC day, over all sessions, derived from transcripts, so that a restart forgets none. Entries copied
 * by a fork were paid for once; what a tool asked the model for counts with its result. An answer that was cut off before its end is not in a transcript and is not counted.
 */
export class DailyUsage {
  readonly #days = new Map<string, number>();
  readonly #since: string;

  /** @param since an RFC 3339 instant: what is older was spent by the workspace that this one is a fork of */
  constructor(since = '') {
    this.#since = since;
  }

  record(entry: TranscriptEntry): void {
    if (entry.forkedFrom !== undefined || entry.timestamp < this.#since) return;
    // What subagents cost stands in their own transcripts.
    const tokens = totalTokens(usageOf(entry));
    if (tokens === 0) return;
    const day = utcDay(entry.timestamp);
    this.#days.set(day, this.on(day) + tokens);
  }

  on(day: string): number {
    return this.#days.get(day) ?? 0;
  }
}
