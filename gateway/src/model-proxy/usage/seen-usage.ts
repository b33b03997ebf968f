import type { Usage } from '@dormouse/crds';
import { z } from 'zod';

/** Bytes of text that a token has at least, but for rare texts. Used where nobody counted. */
const bytesPerToken = 2;

const tokens = z.int().min(0).nullish();
/** As the Messages API has it; the counts of a stream grow, and the last ones hold. */
const wireTokens = z.looseObject({
  input_tokens: tokens,
  output_tokens: tokens,
  cache_read_input_tokens: tokens,
  cache_creation_input_tokens: tokens,
});
const wireUsage = wireTokens.extend({
  /** What was sampled on the way. Answers are in the counts above as well, compactions in here alone. */
  iterations: z
    .array(wireTokens.extend({ type: z.string() }))
    .nullish()
    .catch(undefined),
});

const noTokens: Usage = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 };

/** What is known so far of the tokens of one answer. */
export class SeenUsage {
  #counts: Usage = noTokens;
  /** Of the summaries that the answer took. */
  #compacted: Usage = noTokens;
  #begun = false;
  #reported = false;
  #final = false;
  #unreadable = false;
  #writtenBytes = 0;

  /** The provider may have read the request. */
  begin(): void {
    this.#begun = true;
  }

  /** It did not do what was asked, and charges nothing. */
  nothing(): void {
    this.#begun = false;
  }

  /** Takes a `usage` of the answer. `final`: no more output follows. What is none is passed over. */
  report(usage: unknown, final: boolean): void {
    const { success, data } = wireUsage.safeParse(usage);
    if (!success) return;
    this.#reported = true;
    this.#final ||= final && data.output_tokens != null;
    this.#counts = updated(this.#counts, data);
    if (data.iterations == null) return;
    this.#compacted = data.iterations
      .filter((iteration) => iteration.type === 'compaction')
      .reduce((sum, iteration) => added(sum, updated(noTokens, iteration)), noTokens);
  }

  /** The answer is in a form that cannot be counted: it is taken for the most that it may be. */
  cannotRead(): void {
    this.#unreadable = true;
  }

  /** Takes text that the model wrote. */
  wrote(bytes: number): void {
    this.#writtenBytes += bytes;
  }

  /**
   * The tokens of the answer, undefined where nothing was asked: as counted by the provider; where it was cut, the output as estimated from what came; where not
   * even the input is known, the most of that.
   */
  total(most: { inputTokens: number; outputTokens: number }): Usage | undefined {
    if (!this.#begun) return undefined;
    if (this.#unreadable) return ofMost(most.inputTokens, most.outputTokens);
    const estimate = Math.min(Math.ceil(this.#writtenBytes / bytesPerToken), most.outputTokens);
    const outputTokens = this.#final
      ? this.#counts.outputTokens
      : Math.max(this.#counts.outputTokens, estimate);
    if (this.#reported) return added({ ...this.#counts, outputTokens }, this.#compacted);
    return ofMost(most.inputTokens, outputTokens);
  }
}

function ofMost(inputTokens: number, outputTokens: number): Usage {
  return { inputTokens, outputTokens, cacheReadTokens: 0, cacheWriteTokens: 0 };
}

function updated(counts: Usage, wire: z.infer<typeof wireTokens>): Usage {
  return {
    inputTokens: wire.input_tokens ?? counts.inputTokens,
    outputTokens: wire.output_tokens ?? counts.outputTokens,
    cacheReadTokens: wire.cache_read_input_tokens ?? counts.cacheReadTokens,
    cacheWriteTokens: wire.cache_creation_input_tokens ?? counts.cacheWriteTokens,
  };
}

function added(a: Usage, b: Usage): Usage {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
    cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
  };
}

/** Tokens that an API adds to what it is sent, as for tools. */
const overhead = 512;
/** No model reads more. */
const largestWindow = 1_000_000;

/** The most tokens that a request of so many bytes is read as. */
export function mostInput(bytes: number): number {
  return Math.min(overhead + Math.ceil(bytes / bytesPerToken), largestWindow);
}
