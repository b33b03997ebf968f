import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { MessageRecord, MessageRequest, TokenUsage } from '../../protocol/messages.ts';
import type { RuntimeState } from '../../protocol/state.ts';
import type { SessionHost } from '../session/host.ts';
import { SessionLogs } from '../session/logs.ts';
import { subagentFiles } from '../session/open-sessions.ts';
import { Session } from '../session/session.ts';
import { Slots } from '../session/slots.ts';
import { TurnAborted } from '../session/turn-aborted.ts';
import { addUsage, noUsage } from '../session/usage.ts';
import type { NewEntry } from '../session/write-entry.ts';
import { syncFolder } from '../storage/durable-file.ts';
import type { Layout } from '../storage/layout.ts';
import { configFor } from './narrow.ts';
import { messageKeyOf, type SubagentRecord, subagentSession } from './record.ts';
import { noticeOf, type SubagentEnd, statusOf } from './report.ts';
import { closeWorktree } from './worktree.ts';

/** One subagent: a conversation of its own, which outlives what called it. */
export interface Subagent {
  record: SubagentRecord;
  session: Session;
  /** Ends the MCP servers that it alone has. */
  endServers: () => Promise<void>;
  /** The workspace restarted while it worked, and nobody has been told yet. */
  restarted: boolean;
}

/** The sessions that subagents belong to. */
export interface ParentSessions {
  find(id: string): Session | undefined;
  accept(request: MessageRequest): Promise<unknown>;
}

/**
 * The subagents of all sessions. Each is a session like those of people, with logs of its own, so it goes on after a crash or a
 * sleep from what it has written; the call that began it is carried out again and waits for the same one.
 */
export class Subagents {
  readonly #children = new Map<string, Subagent>();
  /** Resolved by the end of the message of a key. */
  readonly #waiters = new Map<string, Set<() => void>>();
  readonly #layout: Layout;
  readonly #host: SessionHost;
  readonly #parents: () => ParentSessions;

  constructor(
    found: readonly SessionLogs[],
    layout: Layout,
    host: Omit<SessionHost, 'subagents'>,
    parents: () => ParentSessions,
  ) {
    this.#layout = layout;
    this.#host = { ...host, subagents: this };
    this.#parents = parents;
    for (const logs of found) {
      const { subagent: record } = logs.ledger;
      if (record !== undefined) this.#add(record, logs);
    }
  }

  all(): Subagent[] {
    return [...this.#children.values()];
  }

  /** By what its conversation is called among the sessions. */
  find(session: string): Session | undefined {
    return this.#children.get(session)?.session;
  }

  /** One of this session, by its id. */
  get(root: string, id: string): Subagent | undefined {
    return this.#children.get(subagentSession({ session: root, id }));
  }

  /** Those that are at work or will be. */
  running(): Subagent[] {
    return this.all().filter(({ session }) => session.logs.ledger.open().length > 0);
  }

  /** Those whose work keeps the workspace awake though the session that called them has gone on. */
  awake(): Subagent[] {
    return this.running().filter(
      ({ record, session }) => session.busy && this.#detached(record, session) && !record.ignorable,
    );
  }

  state(): RuntimeState['subagents'] {
    return this.running().map(({ record, session }) => ({
      id: record.id,
      session: record.session,
      agentType: record.agentType,
      description: record.description,
      status: session.state().status === 'waiting' ? 'waiting' : 'working',
      background: record.background,
      ignorable: record.ignorable,
      startedAt: record.at,
    }));
  }

  /** Makes one, or finds the one of this record. It is on disk then, and has nothing to do yet. */
  async open(record: SubagentRecord): Promise<Subagent> {
    const known = this.#children.get(subagentSession(record));
    if (known !== undefined) return known;
    const files = subagentFiles(this.#layout, record.session, record.id);
    for (const [file, mode] of [
      [files.transcript, 0o750],
      [files.inbox, 0o700],
    ] as const) {
      await mkdir(dirname(file), { recursive: true, mode });
      await syncFolder(dirname(dirname(dirname(file))));
      await syncFolder(dirname(dirname(file)));
    }
    const logs = new SessionLogs(files, this.#host.health);
    await logs.appendRecords(record);
    return this.#add(record, logs);
  }

  /** Gives it a message, once for each call. Resolves when that is on disk. */
  async send(child: Subagent, toolUseId: string, text: string): Promise<string> {
    const key = messageKeyOf(child.record.id, toolUseId);
    if (!child.session.logs.ledger.messages.has(key)) {
      const from = `session ${child.record.parent}`;
      await child.session.accept({ key, session: child.record.session, from, text });
      this.#emit(child, 'working');
    } else child.session.kick();
    return key;
  }

  /** Resolves when the message of this key has come to its end. A person who stops the caller stops the subagent. */
  async ended(child: Subagent, key: string, signal: AbortSignal, waitMs?: number): Promise<void> {
    const settled = () => child.session.logs.ledger.messages.get(key)?.settled !== undefined;
    if (settled()) return;
    await new Promise<void>((resolve, reject) => {
      const waiters = this.#waiters.get(key) ?? new Set();
      this.#waiters.set(key, waiters);
      const finish = (settle: () => void) => {
        clearTimeout(timer);
        waiters.delete(wake);
        signal.removeEventListener('abort', abort);
        settle();
      };
      const wake = () => finish(resolve);
      const abort = () => finish(() => reject(signal.reason));
      const timer = waitMs === undefined ? undefined : setTimeout(wake, waitMs);
      waiters.add(wake);
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort, { once: true });
    });
  }

  /** The same for a caller that does nothing else: a person who stops it stops the subagent too. */
  async endedOrStopped(child: Subagent, key: string, signal: AbortSignal): Promise<void> {
    try {
      await this.ended(child, key, signal);
    } catch (error) {
      if (error instanceof TurnAborted && error.by === 'person') await this.stop(child);
      throw error;
    }
  }

  /** What the message of a key has come to. Undefined while it has not. */
  async end(child: Subagent, key: string, signal: AbortSignal): Promise<SubagentEnd | undefined> {
    if (child.session.logs.ledger.messages.get(key)?.settled === undefined) return undefined;
    const message = await child.session.recordOf(key);
    if (message === undefined) return undefined;
    const { record, restarted } = child;
    const worktree = record.worktree && (await closeWorktree(this.#host.client, record.worktree, signal));
    return { record, message, restarted, ...(worktree !== undefined && { worktree }) };
  }

  /** Stops it and, as a person who stops a session does, those that it has called. */
  async stop(child: Subagent): Promise<boolean> {
    return child.session.interrupt({ queued: true });
  }

  /** Whether all that this call of a session waits for is a subagent that waits for a person. */
  rests(parent: string, toolUseId: string): boolean {
    const child = this.all().find(({ session, record }) => {
      const message = session.logs.ledger.messages.get(messageKeyOf(record.id, toolUseId));
      return record.parent === parent && message !== undefined && message.settled === undefined;
    });
    return child !== undefined && !child.session.busy && child.session.state().status === 'waiting';
  }

  /** An entry that tells a session of subagents in the background that have ended since it was last told. */
  async news(root: string): Promise<NewEntry | undefined> {
    const untold = this.#untold(root);
    if (untold.length === 0) return undefined;
    const ends: SubagentEnd[] = [];
    for (const { child, key } of untold) {
      const end = await this.end(child, key, new AbortController().signal);
      if (end !== undefined) ends.push(end);
    }
    return {
      message: { role: 'user', content: ends.map((end) => ({ type: 'text', text: noticeOf(end) })) },
      toldBackground: untold.map(({ key }) => key),
      subagentUsage: ends.map(usageOf).reduce(addUsage, noUsage),
    };
  }

  /** Has a session that does nothing take up what its subagents in the background came to. */
  tell(root: string): void {
    this.#tell(root).catch((error: unknown) => {
      this.#host.log.error({ session: root, err: error }, 'a session could not be told of its subagents');
    });
  }

  /** Goes on with what was under way, and ends what nobody waits for any more. Where a checkpoint is held it does nothing. */
  kickAll(): void {
    for (const child of this.all()) {
      const { record, session } = child;
      const parent = this.find(record.parent) ?? this.#parents().find(record.parent);
      const answered = parent?.logs.ledger.hasResult(record.toolUseId) ?? true;
      const orphaned = answered && !this.#detached(record, session) && session.logs.ledger.open().length > 0;
      if (orphaned) this.stop(child).catch((error: unknown) => this.#fault(child, error));
      else session.kick();
    }
    for (const root of new Set(this.all().map(({ record }) => record.session))) this.tell(root);
  }

  reconsiderAll(): void {
    for (const { session } of this.all()) session.reconsider();
  }

  /** Ends every turn where it stands; the next `kickAll` goes on. For a checkpoint, which finds only ignorable ones at work. */
  async pause(): Promise<void> {
    await Promise.all(this.all().map(({ session }) => session.pause()));
  }

  async stopAll(): Promise<void> {
    await Promise.all(
      this.all().map(async ({ session, endServers }) => {
        await session.stop();
        await endServers();
      }),
    );
  }

  #add(record: SubagentRecord, logs: SessionLogs): Subagent {
    const id = subagentSession(record);
    const own = record.mcpServers && this.#host.mcp.forSubagent(record.mcpServers);
    const mcp = own?.servers ?? this.#host.mcp;
    const inherited = () => this.#parents().find(record.session)?.logs.ledger.variables ?? {};
    const host = hostFor({ ...this.#host, mcp, inherited }, record, (message) =>
      this.#ended(record, message),
    );
    const [open] = logs.ledger.open();
    const restarted = open?.startedAt !== undefined && logs.ledger.undecided().length === 0;
    const endServers = own?.end ?? (async () => undefined);
    const child = { record, session: new Session(id, logs, host), endServers, restarted };
    this.#children.set(id, child);
    return child;
  }

  /** A message of a subagent changed. */
  #ended(record: SubagentRecord, message: MessageRecord): void {
    const child = this.#children.get(subagentSession(record));
    if (child === undefined) return;
    if (message.phase !== 'Completed' && message.phase !== 'Failed') {
      if (message.reason === 'WaitingForApproval') this.#emit(child, 'waiting');
      return;
    }
    this.#emit(child, statusOf(message));
    this.#endCommands(child);
    child.endServers().catch((error: unknown) => this.#fault(child, error));
    for (const wake of this.#waiters.get(message.key) ?? []) wake();
    this.#waiters.delete(message.key);
    this.tell(record.session);
  }

  /** What it left running in the background would run on without anybody knowing. */
  #endCommands(child: Subagent): void {
    const { background } = this.#host;
    for (const task of background.running().filter(({ session }) => session === child.session.id)) {
      background
        .stop(task.id, new AbortController().signal)
        .catch((error: unknown) => this.#fault(child, error));
    }
  }

  /** Whether the session that called it does not wait for what it is doing now. */
  #detached(record: SubagentRecord, session: Session): boolean {
    const [open] = session.logs.ledger.open();
    return open !== undefined && this.#inBackground(record, open.request.key);
  }

  /** Only what a session itself begins can be told to it later. What it sends to one that has begun never holds it up. */
  #inBackground(record: SubagentRecord, key: string): boolean {
    const first = messageKeyOf(record.id, record.toolUseId) === key;
    return record.depth === 1 && (record.background || !first);
  }

  #untold(root: string): { child: Subagent; key: string }[] {
    const told = this.#parents().find(root)?.logs.ledger.toldBackground;
    if (told === undefined) return [];
    return this.all()
      .filter(({ record }) => record.parent === root)
      .flatMap((child) =>
        [...child.session.logs.ledger.messages]
          .filter(([key, { settled }]) => settled !== undefined && !told.has(key))
          .filter(([key]) => this.#inBackground(child.record, key))
          .map(([key]) => ({ child, key })),
      );
  }

  async #tell(root: string): Promise<void> {
    const session = this.#parents().find(root);
    if (session === undefined || this.#host.held() || session.logs.ledger.open().length > 0) return;
    const untold = this.#untold(root);
    const [first] = untold;
    if (first === undefined) return;
    const names = untold.map(({ child: { record } }) => `${record.id} (${record.agentType})`);
    const text = `<task-notification>\nEnded in the background: ${names.join(', ')}. What they report follows.\n</task-notification>`;
    await this.#parents().accept({
      key: `${first.key}-ended`.slice(-128),
      session: root,
      from: 'subagent',
      text,
    });
  }

  #emit({ record }: Subagent, status: 'working' | 'waiting' | 'completed' | 'stopped' | 'failed'): void {
    const { id, session, agentType, description, background } = record;
    this.#host.emit({ type: 'subagent', data: { id, session, agentType, description, background, status } });
  }

  #fault(child: Subagent, error: unknown): void {
    this.#host.log.error({ session: child.session.id, err: error }, 'a subagent could not be ended');
  }
}

/** Many wait in calls of others, so a limit on how many work at once would keep those that they wait for from working. */
const noLimit = new Slots(Number.POSITIVE_INFINITY);

function hostFor(
  host: SessionHost,
  record: SubagentRecord,
  onMessage: (message: MessageRecord) => void,
): SessionHost {
  return {
    ...host,
    subagent: record,
    slots: noLimit,
    config: () => configFor(host.config(), record),
    // A message of a subagent is nobody's AgentMessage.
    emit: (event) => (event.type === 'message' ? onMessage(event.data) : host.emit(event)),
  };
}

function usageOf({ message }: SubagentEnd): TokenUsage {
  return message.usage ?? noUsage;
}
