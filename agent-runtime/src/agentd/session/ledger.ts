import type { ApprovalDecision } from '../../protocol/agent-api.ts';
import type { PermissionMode } from '../../protocol/config.ts';
import type { ApprovalRequest, MessageRequest } from '../../protocol/messages.ts';
import type { EnvironmentEvent, Variables } from '../hooks/environment.ts';
import type { Kept } from '../schedule/schedule.ts';
import type { SubagentRecord } from '../subagents/record.ts';
import { isAnswer, promptOf, type TranscriptEntry, toolResultIdsOf } from './entry.ts';
import type { InboxRecord } from './inbox-record.ts';
import { addUsage, noUsage, totalTokens, usageOf } from './usage.ts';

type SettledRecord = Extract<InboxRecord, { type: 'settled' }>;

/** As `Date.toISOString` writes it. A transcript may come from elsewhere, and what is no time would be after all of them. */
const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/;

/** What is known of one message of a session. */
export interface LedgerMessage {
  request: MessageRequest;
  receivedAt: string;
  /** When its prompt entered the transcript. */
  startedAt?: string;
  interrupted: boolean;
  settled?: SettledRecord;
}

export interface LedgerApproval {
  request: ApprovalRequest;
  decision?: ApprovalDecision;
}

/** A call that waits for a person in the middle. */
export interface Suspension {
  /** What its tool needs to go on. */
  state: unknown;
  /** Its questions since, by id and in order. */
  questions: string[];
}

/** Where the conversation that the model sees begins, and the entries since its last answer, as bytes of the transcript. */
interface Live {
  from: number;
  sinceAnswer: readonly number[];
}

/**
 * The state of one session, derived from its two logs by folding their lines in; the same code runs over the files at start
 * and over each line as it becomes durable. It holds no conversation: that is read from the transcript when a turn needs it.
 */
export class Ledger {
  readonly messages = new Map<string, LedgerMessage>();
  /** Those that are not settled. A session of thousands is asked for them many times in a turn. */
  readonly #open = new Map<string, LedgerMessage>();
  readonly approvals = new Map<string, LedgerApproval>();
  /** Tool calls that were started at some time. */
  readonly startedTools = new Set<string>();
  /** Of those, the ones that wait in the middle, and go on where they are. */
  readonly suspended = new Map<string, Suspension>();
  /** What PreToolUse hooks said of calls. */
  readonly hookedTools = new Map<string, Extract<InboxRecord, { type: 'hooked' }>>();
  /** What hooks said of questions of MCP servers, by call. */
  readonly elicited = new Map<string, Extract<InboxRecord, { type: 'elicited' }>[]>();
  /** Hooks that have run, and do so once. */
  readonly ranOnce = new Set<string>();
  /** Variables that hooks have set for commands, by event. */
  readonly environment: Record<EnvironmentEvent, { variables: Variables; cwd?: string | undefined }> = {
    SessionStart: { variables: {} },
    CwdChanged: { variables: {} },
  };
  /** Tool calls that have a result. */
  readonly #answeredTools = new Set<string>();
  /** Background tasks, and messages to subagents in the background, whose end the model has been told. */
  readonly toldBackground = new Set<string>();
  /** Up to which byte the model was told what each monitor printed. */
  readonly toldOutput = new Map<string, number>();
  /** Of a session that is a subagent. */
  subagent: SubagentRecord | undefined;
  entries = 0;
  lastUuid: string | null = null;
  cwd: string | undefined;
  /** The working directory that the session began in. */
  project: string | undefined;
  /** What an approved plan, or the wish to make one, made of the permission mode. */
  permissionMode: PermissionMode | undefined;
  lastActivityAt: string | undefined;
  /** What the session is to be told later, by id. */
  readonly schedules = new Map<string, Kept>();
  title: string | undefined;
  forkedFrom: string | undefined;
  /** Tokens of the session's own answers. */
  usage = noUsage;
  /** Tokens that the last answer was made from, and its own. */
  contextTokens = 0;
  /** Prompts of the transcript, in their order: when, the byte that each begins at, and the conversation before it. */
  readonly #prompts = new Map<string, { at: string; offset: number; before: Live }>();
  #live: Live = { from: 0, sinceAnswer: [] };

  /** @param offset the byte of the transcript that the entry begins at */
  foldEntry(entry: TranscriptEntry, offset: number): void {
    this.entries += 1;
    this.lastUuid = entry.uuid;
    this.cwd = entry.cwd;
    this.project ??= entry.cwd;
    if (entry.forkedFrom === undefined) this.usage = addUsage(this.usage, usageOf(entry));
    else this.forkedFrom = entry.forkedFrom.sessionId;
    if (isAnswer(entry)) this.contextTokens = totalTokens(usageOf(entry));
    const before = this.#live;
    this.#live = this.#liveWith(entry, offset);
    this.permissionMode = entry.permissionMode ?? this.permissionMode;
    this.#touch(entry.timestamp);
    for (const id of toolResultIdsOf(entry)) this.#answeredTools.add(id);
    for (const id of entry.toldBackground ?? []) this.toldBackground.add(id);
    for (const { id, to } of entry.toldOutput ?? []) this.toldOutput.set(id, to);
    const prompt = promptOf(entry);
    if (prompt !== undefined) this.#prompts.set(prompt, { at: entry.timestamp, offset, before });
    const message = this.messages.get(entry.messageKey ?? '');
    if (message !== undefined) message.startedAt = entry.timestamp;
  }

  #liveWith(entry: TranscriptEntry, offset: number): Live {
    const { from, sinceAnswer } = this.#live;
    if (entry.rewind !== undefined) return this.#prompts.get(entry.rewind.message)?.before ?? this.#live;
    if (entry.compaction !== undefined) {
      const { keeps } = entry.compaction;
      const kept = keeps === 0 ? [] : sinceAnswer.slice(-keeps);
      return { from: kept[0] ?? offset, sinceAnswer: kept };
    }
    return { from, sinceAnswer: isAnswer(entry) ? [] : [...sinceAnswer, offset] };
  }

  /** The byte of the first entry that the model still sees. */
  get liveFrom(): number {
    return this.#live.from;
  }

  /** Of commands: what hooks have set, for the working directory before for the session. */
  get variables(): Variables {
    const { SessionStart: ofStart, CwdChanged: ofFolder } = this.environment;
    return { ...ofStart.variables, ...(ofFolder.cwd === this.cwd && ofFolder.variables) };
  }

  /** Whether the transcript has the prompt of a message. */
  hasPrompt(key: string): boolean {
    return this.#prompts.has(key);
  }

  foldRecord(record: InboxRecord): void {
    switch (record.type) {
      case 'message': {
        const { type: _, receivedAt, ...request } = record;
        const startedAt = this.#prompts.get(request.key)?.at;
        // A line that was written twice (refused by the disk, yet found after a crash) is one message.
        if (!this.messages.has(request.key)) {
          const message = { request, receivedAt, interrupted: false, ...(startedAt && { startedAt }) };
          this.messages.set(request.key, message);
          this.#open.set(request.key, message);
        }
        this.#touch(receivedAt);
        break;
      }
      case 'tool':
        this.startedTools.add(record.toolUseId);
        this.suspended.delete(record.toolUseId);
        this.#touch(record.at);
        break;
      case 'suspended':
        this.suspended.set(record.toolUseId, { state: record.state, questions: [] });
        this.#touch(record.at);
        break;
      case 'hooked':
        this.hookedTools.set(record.toolUseId, record);
        this.#touch(record.at);
        break;
      case 'elicited':
        this.elicited.set(record.toolUseId, [...(this.elicited.get(record.toolUseId) ?? []), record]);
        this.#touch(record.at);
        break;
      case 'ranOnce':
        for (const name of record.hooks) this.ranOnce.add(name);
        break;
      case 'environment':
        this.environment[record.event] = { variables: record.variables, cwd: record.cwd };
        break;
      case 'approval': {
        const { type: _, ...request } = record;
        this.approvals.set(request.id, { request });
        const questions = this.suspended.get(request.toolUseId)?.questions;
        if (questions?.includes(request.id) === false) questions.push(request.id);
        break;
      }
      case 'decision': {
        const approval = this.approvals.get(record.id);
        // The first answer counts, also where two were on their way to the disk.
        if (approval !== undefined && approval.decision === undefined) {
          const { type: _, id: _id, at: _at, ...decision } = record;
          approval.decision = decision;
        }
        this.#touch(record.at);
        break;
      }
      case 'interrupt': {
        const message = this.messages.get(record.key);
        if (message !== undefined) message.interrupted = true;
        break;
      }
      case 'schedule':
        if (!this.schedules.has(record.schedule.id))
          this.schedules.set(record.schedule.id, { schedule: record.schedule });
        break;
      case 'fired': {
        const kept = this.schedules.get(record.id);
        if (kept !== undefined) this.schedules.set(record.id, { ...kept, firedAt: record.at });
        break;
      }
      case 'unschedule':
        this.schedules.delete(record.id);
        break;
      case 'title':
        this.title = record.title;
        break;
      case 'subagent':
        this.subagent = record;
        this.cwd ??= record.cwd;
        break;
      case 'settled': {
        const message = this.messages.get(record.key);
        if (message !== undefined) message.settled = record;
        this.#open.delete(record.key);
        this.#touch(record.at);
        break;
      }
    }
  }

  /** Messages that are not settled, in the order they came; the first is the one to work on. */
  open(): LedgerMessage[] {
    return [...this.#open.values()];
  }

  /** Questions that nobody has answered and that still matter: a call may have been settled without, by a new rule. */
  undecided(): ApprovalRequest[] {
    if (this.open()[0]?.startedAt === undefined) return [];
    return [...this.approvals.values()]
      .filter((approval) => approval.decision === undefined)
      .map((approval) => approval.request)
      .filter(
        ({ toolUseId, meanwhile }) =>
          !this.#answeredTools.has(toolUseId) && (meanwhile === true || !this.startedTools.has(toolUseId)),
      );
  }

  /** The bytes of the transcript that hold the turn of a message: up to the prompt after it. Undefined: it has not begun. */
  turnRange(key: string): { from: number; to: number | undefined } | undefined {
    const from = this.#prompts.get(key)?.offset;
    if (from === undefined) return undefined;
    const next = [...this.#prompts.values()].find((prompt) => prompt.offset > from);
    return { from, to: next?.offset };
  }

  hasResult(toolUseId: string): boolean {
    return this.#answeredTools.has(toolUseId);
  }

  /** Whether a person has yet to answer before the call begins, or goes on. */
  awaits(toolUseId: string): boolean {
    const suspension = this.suspended.get(toolUseId);
    if (suspension === undefined) return this.approvalFor(toolUseId)?.decision === undefined;
    return suspension.questions.some((id) => this.approvals.get(id)?.decision === undefined);
  }

  /** What the call asked while it ran. */
  askedBy(toolUseId: string): LedgerApproval[] {
    return [...this.approvals.values()].filter(
      ({ request }) => request.toolUseId === toolUseId && request.meanwhile === true,
    );
  }

  /** Whether the call may run, as a person said. */
  approvalFor(toolUseId: string): LedgerApproval | undefined {
    return [...this.approvals.values()].findLast(
      ({ request }) => request.toolUseId === toolUseId && request.meanwhile !== true,
    );
  }

  #touch(at: string): void {
    if (!instant.test(at)) return;
    if (this.lastActivityAt === undefined || at > this.lastActivityAt) this.lastActivityAt = at;
  }
}
