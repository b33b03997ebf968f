import type { ApprovalDecision } from '../../protocol/agent-api.ts';
import type { ApprovalRequest, MessageRequest } from '../../protocol/messages.ts';
import { type TranscriptEntry, toolResultIdsOf } from './entry.ts';
import type { InboxRecord } from './inbox-record.ts';

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

/**
 * The state of one session, derived from its two logs by folding their lines in; the same code runs over the files at start
 * and over each line as it becomes durable. It holds no conversation: that is read from the transcript when a turn needs it.
 */
export class Ledger {
  readonly messages = new Map<string, LedgerMessage>();
  readonly approvals = new Map<string, LedgerApproval>();
  /** Tool calls that were started at some time. */
  readonly startedTools = new Set<string>();
  /** What PreToolUse hooks said of calls. */
  readonly hookedTools = new Map<string, Extract<InboxRecord, { type: 'hooked' }>>();
  /** Tool calls that have a result. */
  readonly #answeredTools = new Set<string>();
  /** Background tasks whose end the model has been told. */
  readonly toldBackground = new Set<string>();
  entries = 0;
  lastUuid: string | null = null;
  cwd: string | undefined;
  lastActivityAt: string | undefined;
  /** Prompts found in the transcript before their inbox line was folded in: key to time. */
  readonly #prompts = new Map<string, string>();

  foldEntry(entry: TranscriptEntry): void {
    this.entries += 1;
    this.lastUuid = entry.uuid;
    this.cwd = entry.cwd;
    this.#touch(entry.timestamp);
    for (const id of toolResultIdsOf(entry)) this.#answeredTools.add(id);
    for (const id of entry.toldBackground ?? []) this.toldBackground.add(id);
    if (entry.messageKey === undefined) return;
    this.#prompts.set(entry.messageKey, entry.timestamp);
    const message = this.messages.get(entry.messageKey);
    if (message !== undefined) message.startedAt = entry.timestamp;
  }

  foldRecord(record: InboxRecord): void {
    switch (record.type) {
      case 'message': {
        const { type: _, receivedAt, ...request } = record;
        const startedAt = this.#prompts.get(request.key);
        // A line that was written twice (refused by the disk, yet found after a crash) is one message.
        if (!this.messages.has(request.key)) {
          this.messages.set(request.key, {
            request,
            receivedAt,
            interrupted: false,
            ...(startedAt && { startedAt }),
          });
        }
        this.#touch(receivedAt);
        break;
      }
      case 'tool':
        this.startedTools.add(record.toolUseId);
        this.#touch(record.at);
        break;
      case 'hooked':
        this.hookedTools.set(record.toolUseId, record);
        this.#touch(record.at);
        break;
      case 'approval': {
        const { type: _, ...request } = record;
        this.approvals.set(request.id, { request });
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
      case 'settled': {
        const message = this.messages.get(record.key);
        if (message !== undefined) message.settled = record;
        this.#touch(record.at);
        break;
      }
    }
  }

  /** Messages that are not settled, in the order they came; the first is the one to work on. */
  open(): LedgerMessage[] {
    return [...this.messages.values()].filter((message) => message.settled === undefined);
  }

  /** Questions that nobody has answered and that still matter: a call may have been settled without, by a new rule. */
  undecided(): ApprovalRequest[] {
    if (this.open()[0]?.startedAt === undefined) return [];
    return [...this.approvals.values()]
      .filter((approval) => approval.decision === undefined)
      .map((approval) => approval.request)
      .filter(({ toolUseId }) => !this.#answeredTools.has(toolUseId) && !this.startedTools.has(toolUseId));
  }

  approvalFor(toolUseId: string): LedgerApproval | undefined {
    return [...this.approvals.values()].findLast((approval) => approval.request.toolUseId === toolUseId);
  }

  #touch(at: string): void {
    if (!instant.test(at)) return;
    if (this.lastActivityAt === undefined || at > this.lastActivityAt) this.lastActivityAt = at;
  }
}
