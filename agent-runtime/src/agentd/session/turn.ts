import type { MessageRecord } from '../../protocol/messages.ts';
import { reminder } from '../context/reminder.ts';
import { SessionContext } from '../context/session-context.ts';
import { withGrants } from '../context/skills/grants.ts';
import { SkillFailure } from '../context/skills/render.ts';
import { sourceOf } from '../context/source.ts';
import type { SessionHooks } from '../hooks/session-hooks.ts';
import { mcpNews } from '../mcp/news.ts';
import type { ModelFailure } from '../model/failure.ts';
import { ModelRefused } from '../model/patient-model.ts';
import { systemPrompt } from '../model/system-prompt.ts';
import { toolDeclarations } from '../tools/registry.ts';
import { commandOf, startCommand } from './command.ts';
import { conversationOf, withCacheMarks, withOpening } from './conversation.ts';
import { type ContentBlock, type TranscriptEntry, textOf } from './entry.ts';
import { beforeEnd, beforePrompt, openHooks } from './hooks.ts';
import type { SessionHost } from './host.ts';
import type { LedgerMessage } from './ledger.ts';
import type { SessionLogs } from './logs.ts';
import { commandContent, promptContent } from './prompt.ts';
import { scopeOf } from './scope.ts';
import { nextStep, turnOf } from './step.ts';
import { interrupted, type RoundContext, runToolRound } from './tool-round.ts';
import { addUsage, noUsage, usageOf, utcDay } from './usage.ts';
import { EntryWriter } from './write-entry.ts';

/** How a turn ended. `waiting`: on disk is a question that a person must answer before it goes on. */
export type TurnEnd = 'settled' | 'waiting';

type Failure = { reason: string; message: string };

/** Stands in the transcript where a person stopped a turn. */
const interruptedText = '[Request interrupted by user]';

/**
 * Works on one message until it is settled or waits. Every decision comes from what is on disk, so the same code goes on
 * after a crash: it reads the transcript and takes the next step.
 */
export class Turn {
  readonly #session: string;
  readonly #message: LedgerMessage;
  readonly #logs: SessionLogs;
  readonly #host: SessionHost;
  readonly #writer: EntryWriter;
  readonly #signal: AbortSignal;
  readonly #changed: (reason?: Failure) => void;
  #waitingFor = new Set<string>();
  /** The whole transcript; grows with each line that is on disk. */
  #entries: TranscriptEntry[] = [];
  #context: SessionContext | undefined;
  #hooks: Promise<SessionHooks> | undefined;
  /** Resolves when its MCP servers are connected, or have been waited for. */
  #servers: Promise<void> | undefined;

  constructor(
    session: string,
    message: LedgerMessage,
    logs: SessionLogs,
    host: SessionHost,
    signal: AbortSignal,
    /** The message's record changed; with the reason it waits for, if any. */
    changed: (reason?: Failure) => void,
  ) {
    this.#session = session;
    this.#message = message;
    this.#logs = logs;
    this.#host = host;
    this.#signal = signal;
    this.#changed = changed;
    this.#writer = new EntryWriter(session, logs, host, (entry) => this.#entries.push(entry));
  }

  /** The ids of the questions that a turn which ended with `waiting` waits for. */
  get waitingFor(): ReadonlySet<string> {
    return this.#waitingFor;
  }

  get entries(): readonly TranscriptEntry[] {
    return this.#entries;
  }

  /** Rejects with the signal's reason when the daemon stops; what is on disk is where the next start goes on. */
  async run(): Promise<TurnEnd> {
    this.#entries = await this.#logs.entries();
    if (this.#message.startedAt === undefined) {
      const failure = await this.#begin();
      if (failure !== undefined) return this.#settle([], failure);
    }
    this.#changed();
    for (;;) {
      if (this.#message.interrupted) return this.#stopInterrupted();
      try {
        const end = await this.#step();
        if (end !== undefined) return end;
      } catch (error) {
        if (this.#message.interrupted) continue;
        throw error;
      }
    }
  }

  /** Writes the prompt. Returns why not, where it calls for a command that there is not, or that fails. */
  async #begin(): Promise<Failure | undefined> {
    const { request } = this.#message;
    const ended = this.#host.background
      .all()
      .filter((task) => task.session === this.#session && task.ending !== undefined)
      .filter((task) => !this.#logs.ledger.toldBackground.has(task.id))
      .map((task) => ({ id: task.id, command: task.command, ending: task.ending ?? '' }));
    // A session that begins now has nothing that could have changed meanwhile.
    const wake = this.#entries.length === 0 ? undefined : this.#host.wakeNote.for(this.#session);
    try {
      const opened = await beforePrompt(request.text, await this.#round([]));
      if (opened.refused !== undefined) return opened.refused;
      const call = commandOf(request.text);
      const started = call && (await startCommand(call, request.key, await this.#round([])));
      const content =
        call === undefined || started === undefined
          ? promptContent(request, ended, wake)
          : commandContent(call, started.text, request, ended, wake);
      await this.#write({
        message: { role: 'user', content: withNotes(content, opened.context) },
        messageKey: request.key,
        ...(opened.messages.length > 0 && { hooks: { messages: opened.messages } }),
        ...(ended.length > 0 && { toldBackground: ended.map((task) => task.id) }),
        ...(started !== undefined && { skill: started.use }),
      });
      this.#host.wakeNote.told(this.#session);
      return undefined;
    } catch (error) {
      if (!(error instanceof SkillFailure)) throw error;
      return { reason: error.reason, message: error.message };
    }
  }

  /** Takes one step; returns how the turn ended, if it did. */
  async #step(): Promise<TurnEnd | undefined> {
    // Once in a turn: what it began with is what it goes on with.
    this.#servers ??= this.#host.mcp.prepare(this.#signal);
    await this.#servers;
    const turn = turnOf(this.#entries, this.#message.request.key);
    const stopped = turn.find((entry) => entry.hooks?.stop !== undefined)?.hooks?.stop;
    if (stopped !== undefined) return this.#stopForHook(turn, stopped);
    const step = nextStep(turn);
    if (step.kind === 'done') return this.#end(turn, step.reply);
    if (step.kind === 'tools') {
      const round = await runToolRound(step.calls, step.cut, await this.#round(turn));
      return round.written === 0 && this.#waits(round.undecided) ? 'waiting' : undefined;
    }
    const refusal = this.#limit(turn);
    if (refusal !== undefined) return this.#settle(turn, refusal);
    const context = this.#openContext();
    const opening = await context.opening();
    const news = await context.news(this.#entries);
    if (news !== undefined) await this.#write(news);
    const note = mcpNews(this.#host.mcp.note(), this.#entries);
    if (note !== undefined) await this.#write(note);
    return this.#ask(turn, opening);
  }

  /** The model has nothing more to do: Stop hooks may. */
  async #end(turn: readonly TranscriptEntry[], reply: TranscriptEntry): Promise<TurnEnd | undefined> {
    const more = await beforeEnd(turn, reply, await this.#round(turn));
    if (more === undefined) return this.#settle(turn);
    await this.#write(more);
    return undefined;
  }

  async #round(turn: readonly TranscriptEntry[]): Promise<RoundContext> {
    const round = {
      session: this.#session,
      logs: this.#logs,
      host: this.#host,
      writer: this.#writer,
      signal: this.#signal,
      entries: this.#entries,
      permissions: withGrants(this.#host.config().permissions, turn),
      seen: seenFiles(this.#entries),
    };
    this.#hooks ??= openHooks(round);
    return { ...round, hooks: await this.#hooks };
  }

  /** Whether none of the questions has been answered since the round looked; notes which are open, in the same breath. */
  #waits(undecided: readonly string[]): boolean {
    const { ledger } = this.#logs;
    this.#waitingFor = new Set(ledger.undecided().map((request) => request.id));
    return undecided.every((id) => ledger.approvalFor(id)?.decision === undefined);
  }

  /** The files around the session, as they are in this turn. */
  #openContext(): SessionContext {
    const { client, config, log } = this.#host;
    const scope = scopeOf({ logs: this.#logs, host: this.#host });
    this.#context ??= new SessionContext(
      sourceOf(client, config().permissions, scope, this.#signal),
      this.#entries,
      log.child({ session: this.#session }),
    );
    return this.#context;
  }

  async #ask(
    turn: readonly TranscriptEntry[],
    opening: readonly ContentBlock[],
  ): Promise<TurnEnd | undefined> {
    const messages = withCacheMarks(withOpening(conversationOf(this.#entries), opening));
    const loaded = this.#entries.flatMap((entry) => entry.loadedTools ?? []);
    const tools = toolDeclarations(this.#host.mcp.declared(loaded));
    const request = () => {
      const { workspace, model, systemPrompt: custom } = this.#host.config();
      return { model: model.name, system: systemPrompt(workspace, custom), tools, messages };
    };
    let troubled = false;
    try {
      const answer = await this.#host.model.answer(request, {
        signal: this.#signal,
        onText: (text) => {
          this.#host.delta(this.#session, text);
          this.#host.active();
        },
        onFailure: (failure) => {
          troubled = true;
          this.#host.log.warn({ session: this.#session, ...failure }, 'model request failed');
          this.#changed(waitingFor(failure));
        },
      });
      if (troubled) this.#changed();
      const { id, type, role, model, content, stop_reason, stop_sequence, usage } = answer;
      const message = {
        role,
        id,
        type,
        model,
        content: content.map(plainBlock),
        stop_reason,
        stop_sequence,
        usage,
      };
      await this.#write({ message });
      return undefined;
    } catch (error) {
      if (!(error instanceof ModelRefused)) throw error;
      const { failure } = error;
      return this.#settle(turn, refused(failure));
    }
  }

  /** Why the model must not be asked once more. */
  #limit(turn: readonly TranscriptEntry[]): Failure | undefined {
    const { maxTurns, maxTokensPerDay } = this.#host.config().model;
    const asked = turn.filter((entry) => entry.message.role === 'assistant').length;
    if (maxTurns !== undefined && asked >= maxTurns) {
      return {
        reason: 'MaxTurns',
        message: `The message took ${asked} model requests, as many as agent.maxTurns allows.`,
      };
    }
    const day = utcDay(new Date().toISOString());
    const spent = this.#host.dailyUsage.on(day);
    if (maxTokensPerDay !== undefined && spent >= maxTokensPerDay) {
      const message = `The workspace has used ${spent} tokens on ${day} (UTC); agent.maxTokensPerDay is ${maxTokensPerDay}. Send it again tomorrow, or raise the limit.`;
      return { reason: 'TokenBudgetSpent', message };
    }
    return undefined;
  }

  async #stopInterrupted(): Promise<TurnEnd> {
    const turn = turnOf(this.#entries, this.#message.request.key);
    await this.#answerOpenCalls(turn, 'the user stopped it');
    const last = this.#entries.at(-1);
    if (last === undefined || textOf(last) !== interruptedText) {
      await this.#write({ message: { role: 'user', content: [{ type: 'text', text: interruptedText }] } });
    }
    return this.#settle(turn, { reason: 'Interrupted', message: 'A person stopped the turn.' });
  }

  async #stopForHook(turn: readonly TranscriptEntry[], message: string): Promise<TurnEnd> {
    await this.#answerOpenCalls(turn, 'a hook ended the turn');
    return this.#settle(turn, { reason: 'StoppedByHook', message });
  }

  /** Gives calls without a result one that says why, so that the conversation can go on some day. */
  async #answerOpenCalls(turn: readonly TranscriptEntry[], why: string): Promise<void> {
    const step = nextStep(turn);
    for (const call of step.kind === 'tools' ? step.calls : []) {
      const started = this.#logs.ledger.startedTools.has(call.id);
      const content = started ? interrupted(why) : `Not run: ${why}.`;
      const result = { type: 'tool_result', tool_use_id: call.id, content, is_error: true };
      await this.#write({ message: { role: 'user', content: [result] } });
    }
  }

  async #settle(turn: readonly TranscriptEntry[], failure?: Failure): Promise<TurnEnd> {
    const reply = turn.findLast((entry) => entry.message.role === 'assistant');
    await this.#host.health.insist(this.#stopSignal(), () =>
      this.#logs.appendRecords({
        type: 'settled',
        key: this.#message.request.key,
        phase: failure === undefined ? 'Completed' : 'Failed',
        at: new Date().toISOString(),
        usage: turnUsage(turn),
        ...(reply !== undefined && { replyEntry: reply.uuid }),
        ...failure,
      }),
    );
    return 'settled';
  }

  async #write(entry: Parameters<EntryWriter['write']>[0]): Promise<void> {
    await this.#writer.write(entry, this.#stopSignal());
  }

  /** An interrupt aborts the turn's signal, and what is written about it must still be written. */
  #stopSignal(): AbortSignal {
    return this.#message.interrupted ? new AbortController().signal : this.#signal;
  }
}

/** What a message cost: the sum over the answers of its turn. */
export function turnUsage(turn: readonly TranscriptEntry[]): NonNullable<MessageRecord['usage']> {
  return turn.map(usageOf).reduce(addUsage, noUsage);
}

/** The hashes of files as this session last saw them, from the results in its transcript. */
function seenFiles(entries: readonly TranscriptEntry[]): Map<string, string> {
  const seen = new Map<string, string>();
  for (const { toolUseResult } of entries) {
    if (toolUseResult?.path !== undefined && toolUseResult.hash !== undefined)
      seen.set(toolUseResult.path, toolUseResult.hash);
  }
  return seen;
}

/** A prompt with what hooks have for the model behind it; the text is theirs. */
function withNotes(content: string | ContentBlock[], notes: readonly string[]): string | ContentBlock[] {
  if (notes.length === 0) return content;
  const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
  return [...blocks, { type: 'text', text: reminder(...notes) }];
}

/** A block without what the SDK adds for its callers. */
function plainBlock(block: ContentBlock): ContentBlock {
  const { parsed_output: _, ...plain } = block;
  return plain;
}

/** Why a message waits for the model. */
function waitingFor({ reason, message }: ModelFailure): Failure {
  if (reason === 'Unauthorized') return { reason: 'ModelUnauthorized', message };
  if (reason === 'CredentialMissing') return { reason: 'ModelCredentialMissing', message };
  return { reason: 'ModelUnavailable', message };
}

/** Why a message failed, as the model would refuse it again. */
function refused({ gateway, message }: ModelFailure): Failure {
  if (gateway === 'TokenBudgetSpent' || gateway === 'CostBudgetSpent') return { reason: gateway, message };
  const who = gateway === undefined ? 'The model provider' : 'The gateway';
  return { reason: 'ModelRefused', message: `${who} refused the request: ${message}` };
}
