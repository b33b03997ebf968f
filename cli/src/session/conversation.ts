import type { ApprovalRequest, MessageRecord, RuntimeEvent } from '@dormouse/agent-runtime/protocol';
import { piecesOf } from './piece.ts';
import { streamedTextOf, type TranscriptEntry } from './transcript.ts';
import type { View } from './view.ts';

export interface ConversationOptions {
  session: string;
  view: View;
  /** Entries of the transcript after the first so many. */
  read: (after: number) => Promise<TranscriptEntry[]>;
  /** Entries that are taken as shown. */
  entries: number;
  /** The first entry that the person has not seen before: it is marked. */
  missedFrom?: number;
}

type Status = 'idle' | 'working' | 'waiting';

/** What is said of a subagent. */
const saidOf = {
  working: 'works in the background',
  waiting: 'waits for a person',
  completed: 'has ended',
  stopped: 'was stopped',
  failed: 'failed',
} as const;

/**
 * One session as a person follows it. The transcript is what is shown; events say that there is more of it, and the text
 * that streams in meanwhile is shown ahead of its entry.
 */
export class Conversation {
  readonly #options: ConversationOptions;
  readonly #asked = new Map<string, ApprovalRequest>();
  readonly #toldOf = new Set<string>();
  readonly #typed = new Set<string>();
  readonly #shown = new Set<string>();
  readonly #settled = new Map<string, MessageRecord>();
  /** Entries that were read and not told of yet: text of them that streamed in may still be on its way. */
  readonly #ahead: TranscriptEntry[] = [];
  #entries: number;
  #streamed = '';
  #status: Status = 'idle';

  constructor(options: ConversationOptions) {
    this.#options = options;
    this.#entries = options.entries;
  }

  /** Entries of the transcript that have been shown. */
  get entries(): number {
    return this.#entries;
  }

  get status(): Status {
    return this.#status;
  }

  /** Questions of this session that wait for an answer, oldest first. */
  get questions(): ApprovalRequest[] {
    return [...this.#asked.values()];
  }

  /** How a message ended; undefined while it has not. */
  outcome(key: string): MessageRecord | undefined {
    return this.#settled.get(key);
  }

  /** A message that the person sends: it is shown at once, and not again as an entry. */
  typed(key: string, text: string): void {
    this.#typed.add(key);
    this.#options.view.endStream();
    this.#options.view.show({ kind: 'prompt', text });
  }

  /** Takes an event; resolves when what it tells of is shown. Rejects as `read` does. */
  async take(event: RuntimeEvent): Promise<void> {
    const { session, view } = this.#options;
    if (event.type === 'delta' && event.data.session === session) {
      this.#streamed += event.data.text;
      view.stream(event.data.text);
    } else if (event.type === 'entry' && event.data.session === session) {
      await this.#showUntil(event.data.uuid);
    } else if (event.type === 'message' && event.data.session === session) this.#message(event.data);
    else if (event.type === 'approval' && event.data.session === session) this.#approval(event.data);
    else if (event.type === 'background' && event.data.session === session) {
      const { id, status, exitCode } = event.data;
      const code = exitCode === undefined ? '' : ` with exit code ${exitCode}`;
      this.#tell(`background task ${id} is ${status}${code}`);
    } else if (event.type === 'subagent' && event.data.session === session) {
      const { id, agentType, description, background, status } = event.data;
      // Of one that it waits for, the transcript says when it begins and what it came to.
      if (background || status === 'waiting')
        this.#tell(`subagent ${id} (${agentType}: ${description}) ${saidOf[status]}`);
    } else if (event.type === 'state') {
      const state = event.data.sessions.find(({ id }) => id === session);
      this.#status = state?.status ?? 'idle';
      for (const request of event.data.approvals) this.#question(request);
      // Entries may have been told of while nobody listened.
      await this.#showUpTo(state?.entries ?? 0);
    }
  }

  /** Shows the transcript up to an entry. */
  async #showUntil(uuid: string): Promise<void> {
    if (this.#shown.has(uuid)) return;
    const place = () => this.#ahead.findIndex((entry) => entry.uuid === uuid);
    if (place() < 0) await this.#readOn();
    // One that is not there was shown at an earlier time.
    this.#showNext(place() + 1);
  }

  /** Shows the first so many entries of the transcript. */
  async #showUpTo(entries: number): Promise<void> {
    if (entries > this.#entries + this.#ahead.length) await this.#readOn();
    this.#showNext(Math.max(0, entries - this.#entries));
  }

  async #readOn(): Promise<void> {
    this.#ahead.push(...(await this.#options.read(this.#entries + this.#ahead.length)));
  }

  #showNext(count: number): void {
    for (const entry of this.#ahead.splice(0, count)) {
      if (this.#entries === this.#options.missedFrom) this.#tell('while you were away:');
      this.#entries += 1;
      this.#shown.add(entry.uuid);
      this.#entry(entry);
    }
  }

  #entry(entry: TranscriptEntry): void {
    const { view } = this.#options;
    if (entry.messageKey !== undefined && this.#typed.delete(entry.messageKey)) return;
    let pieces = piecesOf(entry);
    if (entry.message.role === 'assistant') {
      const text = streamedTextOf(entry);
      if (this.#streamed !== '' && text.startsWith(this.#streamed)) {
        view.stream(text.slice(this.#streamed.length));
        pieces = pieces.filter(({ kind }) => kind !== 'text');
      }
      this.#streamed = '';
    }
    view.endStream();
    for (const piece of pieces) view.show(piece);
  }

  #message(record: MessageRecord): void {
    for (const request of record.pendingApprovals ?? []) this.#question(request);
    const { key, phase, reason, message } = record;
    if (phase === 'Completed' || phase === 'Failed') {
      this.#settled.set(key, record);
      this.#endStream();
    }
    if (phase === 'Failed')
      this.#options.view.show({
        kind: 'error',
        text: `${reason ?? 'failed'}: ${message ?? 'no reason given'}`,
      });
    else if (phase === 'Working' && reason !== undefined && record.pendingApprovals === undefined) {
      const told = `${key} ${reason} ${message}`;
      if (!this.#toldOf.has(told)) this.#tell(`${reason}: ${message ?? ''}`);
      this.#toldOf.add(told);
    }
  }

  #question(request: ApprovalRequest): void {
    if (request.session !== this.#options.session || this.#toldOf.has(request.id)) return;
    this.#toldOf.add(request.id);
    this.#asked.set(request.id, request);
    const { tool, summary, questions = [], plan } = request;
    const chosen = questions.length === 1 ? 'TEXT' : questions.map(() => 'TEXT').join(' | ');
    const how = questions.length > 0 ? `/answer ${chosen} or /deny [why]` : '/allow or /deny [why]';
    this.#tell(`waits for approval: ${tool} ${plan === undefined ? summary : `\n${plan}`}\n${how} answers`);
  }

  #approval({ id, decision }: { id: string; decision: 'pending' | 'allow' | 'deny' }): void {
    if (decision === 'pending') return;
    const request = this.#asked.get(id);
    this.#toldOf.add(id);
    this.#asked.delete(id);
    if (request !== undefined)
      this.#tell(`${decision === 'allow' ? 'allowed' : 'denied'}: ${request.tool} ${request.summary}`);
  }

  #tell(text: string): void {
    this.#endStream();
    this.#options.view.show({ kind: 'note', text });
  }

  /** What was streamed and did not become an entry stays as it is; the entry, if it comes, is shown whole. */
  #endStream(): void {
    this.#streamed = '';
    this.#options.view.endStream();
  }
}
