import { randomUUID } from 'node:crypto';
import type { ApprovalDecision } from '../../protocol/agent-api.ts';
import type { MessageRecord, MessageRequest } from '../../protocol/messages.ts';
import type { StorageHealth } from '../storage/health.ts';
import type { Layout } from '../storage/layout.ts';
import { isAnswer, promptOf, type TranscriptEntry } from './entry.ts';
import type { SessionHost } from './host.ts';
import { SessionLogs } from './logs.ts';
import { filesOf } from './open-sessions.ts';
import { type DecisionOutcome, Session } from './session.ts';
import { nextStep } from './step.ts';

/** All sessions of the workspace. */
export class Sessions {
  readonly #sessions = new Map<string, Session>();
  /** Which session has the message of a key. A key counts for the whole workspace. */
  readonly #keys = new Map<string, string>();
  /** Keys on their way to the disk. */
  readonly #arriving = new Map<string, Promise<MessageRecord>>();
  readonly #layout: Layout;
  readonly #health: StorageHealth;
  readonly #host: SessionHost;

  constructor(
    found: ReadonlyMap<string, SessionLogs>,
    layout: Layout,
    health: StorageHealth,
    host: SessionHost,
  ) {
    this.#layout = layout;
    this.#health = health;
    this.#host = host;
    for (const [id, logs] of found) {
      this.#sessions.set(id, new Session(id, logs, host));
      for (const key of logs.ledger.messages.keys()) this.#keys.set(key, id);
    }
  }

  all(): Session[] {
    return [...this.#sessions.values()];
  }

  /** A session of people, or a subagent of one. */
  find(id: string): Session | undefined {
    return this.#sessions.get(id) ?? this.#host.subagents.find(id);
  }

  /** Takes a message once: the same key again, at any time, gets the record of the first. */
  async accept(request: MessageRequest): Promise<{ record: MessageRecord; fresh: boolean }> {
    const known = await this.recordOf(request.key);
    if (known !== undefined) return { record: known, fresh: false };
    const arriving = this.#arriving.get(request.key);
    if (arriving !== undefined) return { record: await arriving, fresh: false };
    const accepted = this.#open(request.session).accept(request);
    this.#arriving.set(request.key, accepted);
    try {
      const record = await accepted;
      this.#keys.set(request.key, request.session);
      return { record, fresh: true };
    } finally {
      this.#arriving.delete(request.key);
    }
  }

  async recordOf(key: string): Promise<MessageRecord | undefined> {
    const session = this.#sessions.get(this.#keys.get(key) ?? '');
    return session?.recordOf(key);
  }

  async decide(approvalId: string, decision: ApprovalDecision): Promise<DecisionOutcome> {
    const subagents = this.#host.subagents.all().map((child) => child.session);
    const session = [...this.all(), ...subagents].find((it) => it.logs.ledger.approvals.has(approvalId));
    return session === undefined ? 'unknown' : session.decide(approvalId, decision);
  }

  /**
   * A new session that begins with what another one has said: up to the entry `at`, or all of it. Calls without a result at
   * the end are left out. Undefined: `at` is not in the transcript.
   */
  async fork(from: Session, id: string, at: string | undefined): Promise<Session | undefined> {
    const entries = await from.logs.entries();
    const end = at === undefined ? entries.length : entries.findIndex((entry) => entry.uuid === at) + 1;
    if (at !== undefined && end === 0) return undefined;
    const kept = wholeTurns(entries.slice(0, end));
    const session = this.#open(id);
    await session.logs.appendEntries(...copies(kept, id));
    this.#host.active();
    return session;
  }

  kickAll(): void {
    for (const session of this.all()) session.kick();
  }

  reconsiderAll(): void {
    for (const session of this.all()) session.reconsider();
  }

  async stop(): Promise<void> {
    await Promise.all(this.all().map((session) => session.stop()));
  }

  #open(id: string): Session {
    const known = this.#sessions.get(id);
    if (known !== undefined) return known;
    const session = new Session(id, new SessionLogs(filesOf(this.#layout, id), this.#health), this.#host);
    this.#sessions.set(id, session);
    return session;
  }
}

/** Cuts off an answer whose calls have no results, and partial results with it. */
function wholeTurns(entries: readonly TranscriptEntry[]): readonly TranscriptEntry[] {
  if (nextStep(entries).kind !== 'tools') return entries;
  return entries.slice(0, entries.findLastIndex(isAnswer));
}

function copies(entries: readonly TranscriptEntry[], sessionId: string): TranscriptEntry[] {
  let parentUuid: string | null = null;
  return entries.map((entry) => {
    // A key belongs to the session that was asked; here it only says which prompt this was.
    const { messageKey: _, ...rest } = entry;
    const messageKey = promptOf(entry);
    const uuid = randomUUID();
    const copy = {
      ...rest,
      uuid,
      parentUuid,
      sessionId,
      forkedFrom: {
        sessionId: entry.sessionId,
        uuid: entry.uuid,
        ...(messageKey !== undefined && { messageKey }),
      },
    };
    parentUuid = uuid;
    return copy;
  });
}
