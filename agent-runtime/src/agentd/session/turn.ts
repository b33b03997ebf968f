import { memoryRules } from '../context/memory/auto-memory.ts';
import { effortFor, withGrants } from '../context/skills/grants.ts';
import { SkillFailure } from '../context/skills/render.ts';
import type { SessionHooks } from '../hooks/session-hooks.ts';
import { mcpNews } from '../mcp/news.ts';
import { ModelRefused } from '../model/patient-model.ts';
import { withFileRules } from '../permissions/file-rules.ts';
import { commandOf } from './command.ts';
import { liveEntries } from './compaction.ts';
import { afterCompaction, beforeCompaction } from './compaction-hooks.ts';
import { Compactor } from './compactor.ts';
import { type ContentBlock, isAnswer, type TranscriptEntry, textOf } from './entry.ts';
import { seenFiles } from './file-changes.ts';
import { rulesOf } from './file-rules.ts';
import { beforeEnd, beforePrompt, openHooks, tellOfFailure, withOwnHooks } from './hooks.ts';
import type { SessionHost } from './host.ts';
import { tellOfNews, tellOfOpening } from './instructions-hooks.ts';
import { interrupted } from './interrupted.ts';
import type { LedgerMessage } from './ledger.ts';
import { limitReached } from './limit-reached.ts';
import type { SessionLogs } from './logs.ts';
import { attemptsOf, refused, requestOf, type Trouble } from './model-request.ts';
import { promptEntry } from './prompt-entry.ts';
import { permissionsOf } from './scope.ts';
import { nextStep, turnOf } from './step.ts';
import { type RoundContext, runToolRound } from './tool-round.ts';
import type { TurnFiles } from './turn-files.ts';
import { turnUsage } from './usage.ts';
import { EntryWriter, type NewEntry } from './write-entry.ts';

/** How a turn ended. `waiting`: on disk is a question that a person must answer before it goes on. */
export type TurnEnd = 'settled' | 'waiting';

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
  readonly #changed: (trouble?: Trouble) => void;
  /** What it waits for. */
  #trouble: Trouble | undefined;
  #waitingFor = new Set<string>();
  /** The transcript, from what the model still sees or from the prompt on; grows with each line that is on disk, or on its way there. */
  #entries: TranscriptEntry[] = [];
  /** The live ones of the first `length`. */
  #seen: { length: number; live: readonly TranscriptEntry[] } | undefined;
  readonly #files: TurnFiles;
  readonly #compactor: Compactor;
  /** Tool calls under way. */
  readonly #calls = new Set<string>();
  #hooks: Promise<SessionHooks> | undefined;

  constructor(
    session: string,
    message: LedgerMessage,
    logs: SessionLogs,
    host: SessionHost,
    files: TurnFiles,
    signal: AbortSignal,
    /** The message's record changed; with the reason it waits for, if any. */
    changed: (trouble?: Trouble) => void,
  ) {
    this.#session = session;
    this.#message = message;
    this.#logs = logs;
    this.#host = host;
    this.#files = files;
    this.#signal = signal;
    this.#changed = (trouble) => {
      this.#trouble = trouble;
      changed(trouble);
    };
    this.#writer = new EntryWriter(session, logs, host, {
      added: (entry) => this.#entries.push(entry),
      written: (entry) => {
        // The model may have been asked meanwhile, in vain.
        if (entry.messageKey === message.request.key) this.#changed(this.#trouble);
      },
      lost: (entry) => {
        this.#entries.splice(this.#entries.indexOf(entry), 1);
        this.#seen = undefined;
      },
    });
    const write = (entry: NewEntry) => this.#write(entry);
    this.#compactor = new Compactor({
      ...{ session, logs, host, signal, write, changed: this.#changed },
      before: async (trigger, instructions) =>
        beforeCompaction(trigger, instructions, await this.#round(this.#turn())),
      after: async () => {
        const summary = this.#entries.findLast((entry) => entry.compaction !== undefined);
        const told = summary && (await afterCompaction(summary, await this.#round(this.#turn())));
        if (told !== undefined) await this.#write(told);
        await tellOfOpening(this.#files.context, 'compact', await this.#round(this.#turn()));
      },
    });
  }

  /** The ids of the questions that a turn which ended with `waiting` waits for. */
  get waitingFor(): ReadonlySet<string> {
    return this.#waitingFor;
  }

  /** Whether all that it does is to wait for subagents, each of which waits for a person. */
  rests(): boolean {
    const { subagents } = this.#host;
    return this.#calls.size > 0 && [...this.#calls].every((call) => subagents.rests(this.#session, call));
  }

  get entries(): readonly TranscriptEntry[] {
    return this.#entries;
  }

  /** Rejects with the signal's reason when the daemon stops; what is on disk is where the next start goes on. */
  async run(): Promise<TurnEnd> {
    try {
      return await this.#run();
    } finally {
      // Nothing of it is written after its end. Whether it was is on disk.
      await this.#writer.settledOrLost();
    }
  }

  async #run(): Promise<TurnEnd> {
    this.#entries = await this.#logs.recent(this.#message.request.key);
    if (this.#message.startedAt === undefined) {
      const failure = await this.#begin().catch((error: unknown) => {
        // A person stopped it while its hooks or commands ran.
        if (!this.#message.interrupted) throw error;
      });
      if (failure !== undefined) return this.#settle([], failure);
    } else this.#changed();
    for (;;) {
      if (this.#message.interrupted) return this.#stopInterrupted();
      try {
        const end = await this.#step();
        if (end !== undefined) return end;
      } catch (error) {
        if (!this.#message.interrupted) throw error;
        await this.#writer.settledOrLost();
      }
    }
  }

  /** Writes the prompt. Returns why not, where it calls for a command that there is not, or that fails. */
  async #begin(): Promise<Trouble | undefined> {
    const { request } = this.#message;
    const ended = this.#host.background
      .all()
      // What became of a monitor is told with what it printed.
      .filter((task) => task.session === this.#session && task.ending !== undefined && !task.monitor)
      .filter((task) => !this.#logs.ledger.toldBackground.has(task.id))
      .map((task) => ({ id: task.id, command: task.command, ending: task.ending ?? '' }));
    try {
      // Where the tools do not answer, everything that needs them waits at the same time. Steps see how these end.
      this.#files.begin();
      // A session that begins now has nothing that could have changed meanwhile.
      const hasPast = this.#logs.ledger.entries > 0;
      const woke = hasPast ? this.#host.wakeNote.known(this.#signal) : undefined;
      woke?.catch(ignored);
      const begins = !this.#host.begunSessions.has(this.#session);
      const round = await this.#round([]);
      const opened = await beforePrompt(request.text, round);
      if (opened.refused !== undefined) return opened.refused;
      if (begins) await tellOfOpening(this.#files.context, 'session_start', round);
      await woke;
      const wake = hasPast ? this.#host.wakeNote.for(this.#session) : undefined;
      const prompt = await promptEntry(request, { ended, wake }, opened, round);
      // That it was told how it woke counts once it is on disk.
      if (wake === undefined) await this.#writer.say(prompt, this.#stopSignal());
      else await this.#write(prompt);
      if (wake !== undefined || !hasPast) this.#host.wakeNote.told(this.#session);
      return undefined;
    } catch (error) {
      if (!(error instanceof SkillFailure)) throw error;
      return { reason: error.reason, message: error.message };
    }
  }

  #turn(): TranscriptEntry[] {
    return turnOf(this.#entries, this.#message.request.key);
  }

  /** What the model still sees of it. */
  #live(): readonly TranscriptEntry[] {
    const length = this.#entries.length;
    if (this.#seen?.length !== length) this.#seen = { length, live: liveEntries(this.#entries) };
    return this.#seen.live;
  }

  /** Takes one step; returns how the turn ended, if it did. */
  async #step(): Promise<TurnEnd | undefined> {
    const turn = this.#turn();
    const stopped = turn.find((entry) => entry.hooks?.stop !== undefined)?.hooks?.stop;
    if (stopped !== undefined) return this.#stopForHook(turn, stopped);
    if (turn[0]?.builtIn === 'compact') return this.#compactNow(turn);
    const step = nextStep(turn);
    if (step.kind === 'done') return this.#end(turn, step.reply);
    if (step.kind === 'tools') {
      await this.#files.servers();
      const round = await runToolRound(step.calls, step.cut, await this.#round(turn));
      return round.written === 0 && this.#waits(round.undecided) ? 'waiting' : undefined;
    }
    const refusal = limitReached(turn, this.#host);
    if (refusal !== undefined) return this.#settle(turn, refusal);
    const context = this.#files.context;
    // Beside each other: where the tools do not answer, both wait for them.
    const [opening] = await Promise.all([context.opening(), this.#files.servers()]);
    const news = await context.news(this.#live());
    if (news !== undefined) {
      await this.#write(news);
      tellOfNews(context, await this.#round(turn));
    }
    const ended = await this.#host.subagents.news(this.#session);
    if (ended !== undefined) await this.#write(ended);
    const printed = await this.#host.monitors.news(this.#session, this.#signal);
    if (printed !== undefined) await this.#write(printed);
    const note = mcpNews(this.#host.mcp.note(), this.#live());
    if (note !== undefined) await this.#write(note);
    if (await this.#compactor.ifFull(this.#live(), opening)) return undefined;
    return this.#ask(turn, opening);
  }

  /** The model has nothing more to do: Stop hooks may. */
  async #end(turn: readonly TranscriptEntry[], reply: TranscriptEntry): Promise<TurnEnd | undefined> {
    const more = await beforeEnd(turn, reply, await this.#round(turn));
    if (more === undefined) return this.#settle(turn);
    await this.#write(more);
    return undefined;
  }

  /** What steps work with. */
  async #round(turn: readonly TranscriptEntry[]): Promise<RoundContext> {
    const where = { logs: this.#logs, host: this.#host };
    const [settings, memory] = await Promise.all([this.#files.settings(), this.#files.memory()]);
    const ofWorkspace = permissionsOf(where);
    const allow = [...ofWorkspace.allow, ...memoryRules(memory)];
    const permissions = withFileRules({ ...ofWorkspace, allow }, rulesOf(settings.files));
    const round = {
      session: this.#session,
      logs: this.#logs,
      host: this.#host,
      writer: this.#writer,
      signal: this.#signal,
      entries: this.#entries,
      permissions: withGrants(permissions, turn),
      effort: effortFor(turn, this.#host.subagent?.effort),
      seen: seenFiles(this.#entries),
      calls: this.#calls,
    };
    this.#hooks ??= openHooks(settings, round, this.#host.plugins);
    return { ...round, hooks: await withOwnHooks(await this.#hooks, turn, this.#host.subagent) };
  }

  /** Whether none of the questions has been answered since the round looked; notes which are open, in the same breath. */
  #waits(undecided: readonly string[]): boolean {
    const { ledger } = this.#logs;
    this.#waitingFor = new Set(ledger.undecided().map((request) => request.id));
    return undecided.every((id) => ledger.awaits(id));
  }

  async #ask(
    turn: readonly TranscriptEntry[],
    opening: readonly ContentBlock[],
  ): Promise<TurnEnd | undefined> {
    const attempts = attemptsOf(
      { session: this.#session, host: this.#host, signal: this.#signal },
      this.#changed,
    );
    try {
      const where = { logs: this.#logs, host: this.#host };
      const messages = this.#compactor.messages(this.#live(), opening);
      const request = requestOf(where, this.#entries, messages, turn);
      // What it was asked with is on disk before anything comes of the answer, or of there being none.
      const answer = await this.#host.model.answer(request, attempts).finally(() => this.#writer.settled());
      if (this.#trouble !== undefined) this.#changed();
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
      await this.#writer.say({ message }, this.#stopSignal());
      return undefined;
    } catch (error) {
      if (!(error instanceof ModelRefused)) throw error;
      if (this.#compactor.avoidsBlock(error, this.#live())) return undefined;
      return this.#fail(turn, error);
    }
  }

  /** `/compact`: the reply is the summary. */
  async #compactNow(turn: readonly TranscriptEntry[]): Promise<TurnEnd> {
    const summary = turn.find((entry) => entry.compaction !== undefined);
    if (summary !== undefined) return this.#settle(turn, undefined, summary);
    const before = this.#entries.slice(0, this.#entries.length - turn.length);
    const instructions = commandOf(this.#message.request.text)?.args || undefined;
    try {
      const opening = await this.#files.context.opening();
      const compacted = await this.#compactor.before(before, opening, instructions);
      if (compacted === 'done') return this.#compactNow(this.#turn());
      const why =
        typeof compacted === 'object'
          ? compacted.refused
          : compacted === 'nothing'
            ? 'there is nothing to summarize yet'
            : 'the model gave no summary';
      return this.#settle(turn, { reason: 'CommandFailed', message: `/compact changed nothing: ${why}.` });
    } catch (error) {
      if (!(error instanceof ModelRefused)) throw error;
      return this.#fail(turn, error);
    }
  }

  async #fail(turn: readonly TranscriptEntry[], { failure }: ModelRefused): Promise<TurnEnd> {
    tellOfFailure(failure, await this.#round(turn));
    return this.#settle(turn, refused(failure));
  }

  async #stopInterrupted(): Promise<TurnEnd> {
    const turn = this.#turn();
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

  async #settle(
    turn: readonly TranscriptEntry[],
    failure?: Trouble,
    reply = turn.findLast(isAnswer),
  ): Promise<TurnEnd> {
    await this.#writer.settled();
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

  async #write(entry: NewEntry): Promise<void> {
    await this.#writer.write(entry, this.#stopSignal());
  }

  /** An interrupt aborts the turn's signal, and what is written about it must still be written. */
  #stopSignal(): AbortSignal {
    return this.#message.interrupted ? new AbortController().signal : this.#signal;
  }
}

/** Somebody else waits for this promise, too, and learns of it. */
function ignored(): void {}

/** A block without what the SDK adds for its callers. */
function plainBlock(block: ContentBlock): ContentBlock {
  const { parsed_output: _, ...plain } = block;
  return plain;
}
