import type { ApprovalDecision } from '../../protocol/agent-api.ts';
import type { MessageRecord, MessageRequest } from '../../protocol/messages.ts';
import type { FilesRewound, RuntimeState, SessionDetail } from '../../protocol/state.ts';
import type { Schedule } from '../schedule/schedule.ts';
import type { TranscriptEntry } from './entry.ts';
import { changedFiles, restoreFiles } from './file-changes.ts';
import { FilesAhead } from './files-ahead.ts';
import type { SessionHost } from './host.ts';
import type { InboxRecord } from './inbox-record.ts';
import type { LedgerMessage } from './ledger.ts';
import type { SessionLogs } from './logs.ts';
import { recordOf } from './message-record.ts';
import { Turn } from './turn.ts';
import { TurnAborted } from './turn-aborted.ts';
import { TurnFiles } from './turn-files.ts';
import { EntryWriter } from './write-entry.ts';

type SessionState = RuntimeState['sessions'][number];

/** No turn runs whose conversation it could be. */
const nobody = { added: () => undefined, written: () => undefined, lost: () => undefined };

/** The key of the message that a schedule gives at an instant. */
function firedKey(schedule: string, at: string): string {
  return `schedule-${schedule}-${at}`;
}

/** So long a rewind waits for a volume that is full. */
const rewindPatienceMs = 5_000;
/** So long it may take to put files back. */
const filesPatienceMs = 120_000;

/**
 * What became of an answer. `decided-before`: another one was first. `expired`: the call waits no longer, as its turn was
 * stopped or a new rule settled it. `answersWanted`: it has not as many answers as there are questions.
 */
export type DecisionOutcome =
  | 'decided'
  | 'unknown'
  | 'decided-before'
  | 'expired'
  | { answersWanted: number };

/** One conversation. It works on one message at a time; sessions are independent of each other. */
export class Session {
  readonly id: string;
  readonly logs: SessionLogs;
  readonly #host: SessionHost;
  #work: Promise<void> | undefined;
  #current: { message: LedgerMessage; abort: AbortController; turn?: Turn } | undefined;
  #stopped = false;
  /** What is queued waits for the next `kick`: a turn that is told to end may have come to its end already. */
  #paused = false;
  /** What the message at work waits for, when it is the model. */
  #trouble: { reason: string; message: string } | undefined;
  /** The questions that the last turn ended with; it goes on when they are no longer these. */
  #waitingOn: ReadonlySet<string> | undefined;
  /** The answer on its way to the disk. */
  #deciding: Promise<unknown> = Promise.resolve();
  /** Messages on their way to the disk: the session is about to be busy. */
  #arriving = 0;
  readonly #ahead: FilesAhead;

  constructor(id: string, logs: SessionLogs, host: SessionHost) {
    this.id = id;
    this.logs = logs;
    this.#host = host;
    this.#ahead = new FilesAhead((signal) => new TurnFiles(id, { logs, host }, signal));
  }

  get working(): boolean {
    return this.#work !== undefined;
  }

  /** A turn runs, or will as soon as a prompt is on disk. One that only waits for subagents which wait for a person rests. */
  get busy(): boolean {
    return (this.working && this.#current?.turn?.rests() !== true) || this.#arriving > 0;
  }

  state(): SessionState {
    const { ledger } = this.logs;
    const open = ledger.open();
    const waiting = ledger.undecided().length > 0;
    return {
      id: this.id,
      status: this.busy ? 'working' : waiting || this.working ? 'waiting' : 'idle',
      queued: open.filter((message) => message.startedAt === undefined).length,
      entries: ledger.entries,
    };
  }

  detail(): SessionDetail {
    const { title, lastActivityAt, usage, contextTokens, forkedFrom } = this.logs.ledger;
    return {
      ...this.state(),
      usage,
      contextTokens,
      ...(title !== undefined && { title }),
      ...(lastActivityAt !== undefined && { lastActivityAt }),
      ...(forkedFrom !== undefined && { forkedFrom }),
    };
  }

  /** Resolves when the title is on disk. */
  async rename(title: string): Promise<void> {
    await this.logs.appendRecords({ type: 'title', title, at: new Date().toISOString() });
    this.#host.active();
  }

  /**
   * Takes back a message and everything after it, when this is on disk: the next message goes on from before it. With `files` those
   * that tools changed since are put back first; else, as what commands and other tools did, they stay as they are. `busy`: a message
   * is open. `unknown`: the conversation has no such message. Rejects with `ToolsUnavailable`, and then the conversation is as it was.
   */
  async rewind(
    message: string,
    { files }: { files: boolean },
  ): Promise<{ files?: FilesRewound } | 'busy' | 'unknown'> {
    const { ledger } = this.logs;
    if (this.busy || ledger.open().length > 0) return 'busy';
    if (!ledger.hasPrompt(message)) return 'unknown';
    const writer = new EntryWriter(this.id, this.logs, this.#host, nobody);
    // While it is being written no turn begins.
    this.#arriving += 1;
    try {
      const changed = files ? changedFiles(await this.#since(message)) : [];
      const signal = AbortSignal.timeout(filesPatienceMs);
      const rewound = files ? await restoreFiles(changed, this.#host, signal) : undefined;
      const text = `The conversation goes on from before message ${message}.`;
      await writer.write(
        { message: { role: 'user', content: [{ type: 'text', text }] }, rewind: { message } },
        AbortSignal.timeout(rewindPatienceMs),
      );
      return rewound === undefined ? {} : { files: rewound };
    } finally {
      this.#arriving -= 1;
      this.kick();
    }
  }

  /** Entries of the session and of its subagents from a message on, in the order of time. */
  async #since(message: string): Promise<TranscriptEntry[]> {
    const own = await this.logs.since(message);
    const from = own[0]?.timestamp ?? '';
    const subagents = this.#host.subagents.all().filter(({ record }) => record.session === this.id);
    const theirs = await Promise.all(subagents.map(({ session }) => session.logs.entries()));
    const entries = [...own, ...theirs.flat().filter(({ timestamp }) => timestamp >= from)];
    return entries.sort((a, b) => a.timestamp.localeCompare(b.timestamp));
  }

  /** Whether a prompt that this schedule gave is not settled. */
  works(schedule: string): boolean {
    return this.logs.ledger.open().some(({ request }) => request.key.startsWith(firedKey(schedule, '')));
  }

  /** Gives the session the prompt of a schedule. Rejects as `accept` does. */
  async fire({ id, prompt }: Schedule, at: string): Promise<void> {
    const request = { key: firedKey(id, at), session: this.id, from: `schedule ${id}`, text: prompt };
    await this.accept(request, { type: 'fired', id, at });
  }

  /** Resolves when the schedule, or its end, is on disk. */
  async record(change: Extract<InboxRecord, { type: 'schedule' | 'unschedule' }>): Promise<void> {
    await this.logs.appendRecords(change);
    this.#host.scheduled();
  }

  /**
   * Resolves when the message is on disk, with what else happened by it. Rejects with `StorageError`, and then it is not.
   */
  async accept(request: MessageRequest, ...more: InboxRecord[]): Promise<MessageRecord> {
    this.#arriving += 1;
    if (this.#begins()) this.#ahead.begin();
    try {
      const message = { type: 'message' as const, ...request, receivedAt: new Date().toISOString() };
      await this.logs.appendRecords(message, ...more);
    } catch (error) {
      this.#ahead.drop();
      throw error;
    } finally {
      this.#arriving -= 1;
    }
    const message = this.logs.ledger.messages.get(request.key) as LedgerMessage;
    const record = this.#record(message);
    this.#host.emit({ type: 'message', data: record });
    this.#host.active();
    this.kick();
    this.#ahead.drop();
    return record;
  }

  /** Whether the turn of a message that is on its way to the disk begins as soon as it is there. */
  #begins(): boolean {
    return !this.working && !this.#stopped && !this.#host.held() && this.logs.ledger.open().length === 0;
  }

  /** Records what a person decided, once: what is on disk when this resolves is what counts from now on. */
  async decide(approvalId: string, decision: ApprovalDecision): Promise<DecisionOutcome> {
    // Two answers at once: the second one finds out how the first one ended.
    const outcome = this.#deciding.then(() => this.#decide(approvalId, decision));
    // Whoever answered is told of a failure; the next answer is on its own.
    this.#deciding = outcome.catch(() => undefined);
    return outcome;
  }

  async #decide(approvalId: string, decision: ApprovalDecision): Promise<DecisionOutcome> {
    const approval = this.logs.ledger.approvals.get(approvalId);
    if (approval === undefined) return 'unknown';
    if (approval.decision !== undefined) {
      const same = decision.key !== undefined && approval.decision.key === decision.key;
      return same ? 'decided' : 'decided-before';
    }
    if (!this.logs.ledger.undecided().includes(approval.request)) return 'expired';
    const asked = decision.decision === 'allow' ? (approval.request.questions?.length ?? 0) : 0;
    if ((decision.answers?.length ?? 0) !== asked) return { answersWanted: asked };
    await this.logs.appendRecords({
      type: 'decision',
      id: approvalId,
      ...decision,
      at: new Date().toISOString(),
    });
    this.#host.emit({
      type: 'approval',
      data: { id: approvalId, session: this.id, decision: decision.decision },
    });
    this.#host.active();
    this.kick();
    return 'decided';
  }

  /** Stops the turn under way, also one that waits. False when there is none. `queued`: also one that has not begun. */
  async interrupt({ queued = false } = {}): Promise<boolean> {
    const message = this.logs.ledger.open()[0];
    if (message === undefined || (message.startedAt === undefined && !queued)) return false;
    await this.logs.appendRecords({
      type: 'interrupt',
      key: message.request.key,
      at: new Date().toISOString(),
    });
    // The turn may have ended meanwhile, and the next one is not meant.
    if (this.#current?.message === message)
      this.#current.abort.abort(new TurnAborted('person', 'the user stopped the turn'));
    this.kick();
    return true;
  }

  /** Begins to work if there is something to do and nothing holds it. */
  kick(): void {
    if (this.#work !== undefined || this.#stopped || this.#host.held() || !this.#hasWork()) return;
    let broke = false;
    this.#paused = false;
    this.#work = this.#run()
      .catch((error: unknown) => {
        if (error instanceof TurnAborted) return;
        broke = true;
        this.#host.log.error({ session: this.id, err: error }, 'session broke');
      })
      .finally(() => {
        this.#work = undefined;
        this.#host.active();
        // Something may have arrived since the last look. A turn that broke would only break again: the next message or
        // the next start tries.
        if (!broke) this.kick();
        this.#host.subagents.tell(this.id);
      });
    this.#host.active();
  }

  /** The rules changed: what waits for a person may not have to. */
  reconsider(): void {
    this.#waitingOn = undefined;
    this.kick();
  }

  /** Ends the turn under way without settling it; the next start of the daemon goes on with it. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.pause();
  }

  /** The same until the next `kick` that nothing holds. */
  async pause(): Promise<void> {
    this.#paused = true;
    this.#current?.abort.abort(new TurnAborted('pause', 'the workspace stops'));
    await this.#work;
  }

  /** The record of a message of this session, with its reply. */
  async recordOf(key: string): Promise<MessageRecord | undefined> {
    const message = this.logs.ledger.messages.get(key);
    if (message === undefined) return undefined;
    for (;;) {
      const { settled, startedAt } = message;
      if (startedAt === undefined) return this.#record(message);
      const turn = await this.logs.turn(key);
      // Where it was settled meanwhile, its reply may not be in what was read.
      if (message.settled === settled) return this.#record(message, turn);
    }
  }

  #hasWork(): boolean {
    const { ledger } = this.logs;
    const message = ledger.open()[0];
    if (message === undefined) return false;
    return message.interrupted || message.startedAt === undefined || !this.#waits();
  }

  #waits(): boolean {
    if (this.#waitingOn === undefined) return false;
    const undecided = this.logs.ledger.undecided().map((request) => request.id);
    return undecided.length === this.#waitingOn.size && undecided.every((id) => this.#waitingOn?.has(id));
  }

  async #run(): Promise<void> {
    for (
      let message = this.logs.ledger.open()[0];
      message !== undefined;
      message = this.logs.ledger.open()[0]
    ) {
      const end = await this.#turn(message);
      if (end === 'waiting') break;
      this.#waitingOn = undefined;
      if (this.#paused) break;
    }
  }

  async #turn(message: LedgerMessage): Promise<'settled' | 'waiting'> {
    const { abort, files } = this.#ahead.take();
    this.#current = { message, abort };
    const release = await this.#host.slots.take(abort.signal);
    try {
      const turn = new Turn(this.id, message, this.logs, this.#host, files(), abort.signal, (trouble) => {
        this.#trouble = trouble;
        this.#host.emit({ type: 'message', data: this.#record(message) });
        this.#host.active();
      });
      this.#current = { message, abort, turn };
      const end = await turn.run();
      this.#trouble = undefined;
      if (end === 'waiting') this.#waitingOn = turn.waitingFor;
      this.#host.emit({ type: 'message', data: this.#record(message, turn.entries) });
      return end;
    } finally {
      release();
      this.#current = undefined;
    }
  }

  #record(message: LedgerMessage, entries?: readonly TranscriptEntry[]): MessageRecord {
    return recordOf(this.id, message, this.logs.ledger, entries, this.#trouble);
  }
}
