import { ModelRefused } from '../model/patient-model.ts';
import { type Cut, contextTokens, cutOf, liveEntries, summaryEntry, withPlainSummary } from './compaction.ts';
import { type ApiMessage, conversationOf, withCacheMarks, withOpening } from './conversation.ts';
import { type ContentBlock, isAnswer, type TranscriptEntry } from './entry.ts';
import type { SessionHost } from './host.ts';
import type { SessionLogs } from './logs.ts';
import { attemptsOf, requestOf, type Trouble } from './model-request.ts';
import type { NewEntry } from './write-entry.ts';

/** What a summary came to. `empty`: the model gave none. `refused`: by a hook, which says why. */
export type Compacted = 'done' | 'nothing' | 'empty' | { refused: string };

interface CompactorParts {
  session: string;
  logs: SessionLogs;
  host: SessionHost;
  signal: AbortSignal;
  write: (entry: NewEntry) => Promise<void>;
  /** Why the conversation must not be summarized; undefined where it may. */
  before: (trigger: 'auto' | 'manual', instructions: string | undefined) => Promise<string | undefined>;
  /** The summary is on disk. */
  after: () => Promise<void>;
  /** The message waits for the model. */
  changed: (trouble: Trouble) => void;
}

/** Summarizes the conversation of one turn's session, and knows how the conversation goes to the model after that. */
export class Compactor {
  readonly #parts: CompactorParts;
  /** An automatic summary came to nothing: the turn goes on without. */
  #cannot = false;
  /** The provider does not take the block that another one made. */
  #plain = false;

  constructor(parts: CompactorParts) {
    this.#parts = parts;
  }

  /** The conversation as the model is asked on. */
  messages(live: readonly TranscriptEntry[], opening: readonly ContentBlock[]): ApiMessage[] {
    const conversation = conversationOf(this.#plain ? withPlainSummary(live) : live);
    return withCacheMarks(withOpening(conversation, opening));
  }

  /** True where a refused request is to be made again, with the summary in words: its block was what the provider refused. */
  avoidsBlock(error: ModelRefused, live: readonly TranscriptEntry[]): boolean {
    const summary = live[0];
    const blamed = error.failure.gateway === undefined && /compaction/.test(error.failure.message);
    if (!blamed || this.#plain || summary?.compaction === undefined) return false;
    this.#plain = summary.message.role === 'assistant';
    return this.#plain;
  }

  /** Summarizes a conversation that comes near the end of the window. True: it did. A refusal is not the turn's end. */
  async ifFull(live: readonly TranscriptEntry[], opening: readonly ContentBlock[]): Promise<boolean> {
    const { host, session } = this.#parts;
    const preTokens = contextTokens(live);
    const cut = preTokens < host.config().model.compactAt || this.#cannot ? undefined : cutOf(live);
    if (cut === undefined) return false;
    try {
      const compacted = await this.#summarize(cut, { trigger: 'auto', preTokens }, opening);
      this.#cannot = compacted !== 'done';
    } catch (error) {
      if (!(error instanceof ModelRefused)) throw error;
      host.log.warn({ session, ...error.failure }, 'the conversation could not be summarized');
      this.#cannot = true;
    }
    return !this.#cannot;
  }

  /** Summarizes everything before a person's `/compact`. Rejects with `ModelRefused` where the model is refused. */
  async before(
    entries: readonly TranscriptEntry[],
    opening: readonly ContentBlock[],
    instructions: string | undefined,
  ): Promise<Compacted> {
    const live = liveEntries(entries);
    if (!live.some(isAnswer)) return 'nothing';
    const compaction = { trigger: 'manual' as const, preTokens: contextTokens(live) };
    return this.#summarize({ summarized: live, keeps: 0 }, compaction, opening, instructions);
  }

  async #summarize(
    { summarized, keeps }: Cut,
    about: { trigger: 'auto' | 'manual'; preTokens: number },
    opening: readonly ContentBlock[],
    instructions?: string,
  ): Promise<Compacted> {
    const { host, session, changed, write, before, after } = this.#parts;
    const refused = await before(about.trigger, instructions);
    if (refused !== undefined) return { refused };
    const messages = this.messages(summarized, opening);
    const attempts = attemptsOf(this.#parts, changed);
    const summary = await host.model.summary(requestOf(this.#parts, summarized, messages), instructions, {
      ...attempts,
      // It is no part of the conversation that people follow.
      onText: () => host.active(),
    });
    const compaction = { ...about, keeps };
    const entry = summaryEntry(summary, compaction);
    if (entry !== undefined) {
      await write(entry);
      await after();
    }
    host.log.info({ session, ...compaction, kind: entry && summary.kind }, 'conversation summarized');
    return entry === undefined ? 'empty' : 'done';
  }
}
