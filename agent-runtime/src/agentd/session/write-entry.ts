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

/**
 * Writes entries of one session one after another, so that each names the one before as its parent. Waits while the volume
 * is full: what the model said is not thrown away.
 */
export class EntryWriter {
  #last: Promise<unknown> = Promise.resolve();
  readonly #session: string;
  readonly #logs: SessionLogs;
  readonly #host: SessionHost;
  readonly #onWritten: (entry: TranscriptEntry) => void;

  constructor(
    session: string,
    logs: SessionLogs,
    host: SessionHost,
    onWritten: (entry: TranscriptEntry) => void,
  ) {
    this.#session = session;
    this.#logs = logs;
    this.#host = host;
    this.#onWritten = onWritten;
  }

  /** Resolves with the entry when it is on disk. */
  write(fresh: NewEntry, signal: AbortSignal): Promise<TranscriptEntry> {
    const write = this.#last.then(
      () => this.#write(fresh, signal),
      // The one before failed and its caller knows; this one is on its own.
      () => this.#write(fresh, signal),
    );
    this.#last = write;
    return write;
  }

  async #write(fresh: NewEntry, signal: AbortSignal): Promise<TranscriptEntry> {
    const { ledger } = this.#logs;
    const { cwd, message, ...more } = fresh;
    const subagent = this.#host.subagent;
    const entry: TranscriptEntry = {
      type: fresh.compaction === undefined ? message.role : 'system',
      uuid: randomUUID(),
      parentUuid: ledger.lastUuid,
      sessionId: subagent?.session ?? this.#session,
      timestamp: new Date().toISOString(),
      cwd: cwd ?? ledger.cwd ?? this.#host.home,
      version: runtimeVersion,
      // The home is not visible from here, and asking the tools for it would delay every prompt.
      gitBranch: '',
      isSidechain: subagent !== undefined,
      ...(subagent !== undefined && { agentId: subagent.id }),
      message,
      ...more,
    };
    await this.#host.health.insist(signal, () => this.#logs.appendEntries(entry));
    this.#onWritten(entry);
    this.#host.dailyUsage.record(entry);
    const data = { session: this.#session, uuid: entry.uuid, role: message.role, summary: summaryOf(entry) };
    this.#host.emit({ type: 'entry', data });
    this.#host.active();
    return entry;
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
