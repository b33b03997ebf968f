import { randomUUID } from 'node:crypto';
import { runtimeVersion } from '../version.ts';
import type { ContentBlock, TranscriptEntry } from './entry.ts';
import type { SessionHost } from './host.ts';
import type { SessionLogs } from './logs.ts';

/** What is new in an entry; the rest follows from the session. */
export type NewEntry = Pick<TranscriptEntry, 'message'> &
  Partial<
    Pick<
      TranscriptEntry,
      | 'messageKey'
      | 'toolUseResult'
      | 'toldBackground'
      | 'toldOutput'
      | 'subagentUsage'
      | 'contextFiles'
      | 'skill'
      | 'permissionMode'
      | 'cwd'
      | 'compaction'
      | 'builtIn'
      | 'rewind'
      | 'hooks'
    >
  >;

/** Told of each entry: that it is part of the conversation, that it is on disk, that it will be neither after all. */
export interface Conversation {
  added(entry: TranscriptEntry): void;
  written(entry: TranscriptEntry): void;
  lost(entry: TranscriptEntry): void;
}

/**
 * Writes entries of one session one after another, so that each names the one before as its parent. Waits while the volume
 * is full: what the model said is not thrown away.
 */
export class EntryWriter {
  #last: Promise<unknown> = Promise.resolve();
  /** Those that are part of the conversation and may not be on disk. */
  #ahead: Promise<unknown> | undefined;
  readonly #session: string;
  readonly #logs: SessionLogs;
  readonly #host: SessionHost;
  readonly #conversation: Conversation;

  constructor(session: string, logs: SessionLogs, host: SessionHost, conversation: Conversation) {
    this.#session = session;
    this.#logs = logs;
    this.#host = host;
    this.#conversation = conversation;
  }

  /** Resolves when the entry is on disk, and part of the conversation. Rejects as `settled` does: it may follow from what was lost. */
  async write(fresh: NewEntry, signal: AbortSignal): Promise<void> {
    await this.settled();
    await this.#next(fresh, signal);
  }

  /**
   * Resolves when the entry is part of the conversation, and lets it go to the disk meanwhile where all that it says is the conversation's: the model
   * may be asked with it. Whatever else comes of it waits for `settled`.
   */
  say(fresh: NewEntry, signal: AbortSignal): Promise<void> {
    const { message, messageKey, toolUseResult, cwd, ...more } = fresh;
    const moves = cwd !== undefined && cwd !== this.#cwd;
    if (moves || Object.keys(more).length > 0) return this.write(fresh, signal);
    return new Promise((resolve, reject) => {
      const written = this.#next(fresh, signal, resolve);
      written.catch(reject);
      const ahead = Promise.all([this.#ahead, written]);
      this.#ahead = ahead;
      ahead.then(
        () => {
          if (this.#ahead === ahead) this.#ahead = undefined;
        },
        // Whoever waits for `settled` is told.
        () => undefined,
      );
    });
  }

  /** Resolves when all that was said is on disk. Rejects where some of it will not be; it has left the conversation then. */
  async settled(): Promise<void> {
    await this.#ahead;
  }

  /** Resolves when all that was said is on disk, or has left the conversation, which goes on without. */
  async settledOrLost(): Promise<void> {
    await this.#ahead?.catch(() => undefined);
    this.#ahead = undefined;
  }

  get #cwd(): string {
    return this.#logs.ledger.cwd ?? this.#host.home;
  }

  #next(fresh: NewEntry, signal: AbortSignal, begun?: () => void): Promise<void> {
    // Where the one before failed its caller knows; this one is on its own.
    const write = () => this.#write(fresh, signal, begun);
    const written = this.#last.then(write, write);
    this.#last = written;
    return written;
  }

  async #write(fresh: NewEntry, signal: AbortSignal, begun: (() => void) | undefined): Promise<void> {
    const { ledger } = this.#logs;
    const { cwd, message, ...more } = fresh;
    const subagent = this.#host.subagent;
    const entry: TranscriptEntry = {
      type: fresh.compaction === undefined ? message.role : 'system',
      uuid: randomUUID(),
      parentUuid: ledger.lastUuid,
      sessionId: subagent?.session ?? this.#session,
      timestamp: new Date().toISOString(),
      cwd: cwd ?? this.#cwd,
      version: runtimeVersion,
      // The home is not visible from here, and asking the tools for it would delay every prompt.
      gitBranch: '',
      isSidechain: subagent !== undefined,
      ...(subagent !== undefined && { agentId: subagent.id }),
      message,
      ...more,
    };
    const append = () => this.#host.health.insist(signal, () => this.#logs.appendEntries(entry));
    if (begun === undefined) {
      await append();
      this.#conversation.added(entry);
    } else {
      this.#conversation.added(entry);
      begun();
      try {
        await append();
      } catch (error) {
        this.#conversation.lost(entry);
        throw error;
      }
    }
    this.#conversation.written(entry);
    this.#host.dailyUsage.record(entry);
    const data = { session: this.#session, uuid: entry.uuid, role: message.role, summary: summaryOf(entry) };
    this.#host.emit({ type: 'entry', data });
    this.#host.active();
  }
}

/** One line: the beginning of the text, the tools called, or that it is a result. */
function summaryOf(entry: TranscriptEntry): string {
  const { content } = entry.message;
  const blocks: ContentBlock[] = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
  const line = blocks
    .map((block) => {
      if (block.type === 'text') return String(block.text);
      if (block.type === 'tool_use') return `→ ${String(block.name)}`;
      if (block.type === 'tool_result') return block.is_error === true ? '← error' : '← result';
      return block.type;
    })
    .join(' ')
    .replace(/\s+/g, ' ')
    .trim();
  return line.length > 200 ? `${line.slice(0, 199)}…` : line;
}
