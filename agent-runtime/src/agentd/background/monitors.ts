import type { Logger } from 'pino';
import type { MessageRequest } from '../../protocol/messages.ts';
import type { Ledger } from '../session/ledger.ts';
import type { NewEntry } from '../session/write-entry.ts';
import { ToolRefused, ToolsUnavailable } from '../tools/tools-client.ts';
import type { BackgroundTasks } from './background-tasks.ts';
import { nextNotice } from './notice-pace.ts';
import { describePrinted, type Printed, readPrinted } from './printed.ts';
import type { Task } from './task-record.ts';

/** The sessions that monitors belong to. */
export interface MonitoredSessions {
  find(id: string): { logs: { ledger: Ledger } } | undefined;
  accept(request: MessageRequest): Promise<unknown>;
}

export interface MonitorsParts {
  background: BackgroundTasks;
  sessions: () => MonitoredSessions;
  /** No turn may begin now; `look` is called again when one may. */
  held: () => boolean;
  /** What keeps the workspace awake changed. */
  changed: () => void;
  /** Milliseconds since the epoch. */
  now: () => number;
  log: Logger;
}

/** Milliseconds between two looks at what monitors printed. */
const pollMs = 1_000;
/** Milliseconds that the tools may take to say it. */
const patienceMs = 10_000;
const sender = 'monitor';

/**
 * Tells sessions what their monitors print. Up to which byte a session knows it stands in the same line of its transcript as
 * what it was told, so a crash, a sleep or a restore neither loses a line nor tells one twice. A session that does nothing is given a
 * turn for it.
 */
export class Monitors {
  readonly #parts: MonitorsParts;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  readonly #stop = new AbortController();
  /** Those with news for a session that has not been given its turn. */
  #owed: readonly Task[] = [];

  constructor(parts: MonitorsParts) {
    this.#parts = parts;
  }

  /** Ended, and about to be told: the workspace stays awake for it. */
  owed(): readonly Task[] {
    return this.#owed.filter((task) => task.status !== 'running');
  }

  /** Looks what there is to tell, and goes on looking while there are monitors. */
  look(): void {
    clearTimeout(this.#timer);
    if (this.#stop.signal.aborted || this.#looking) return;
    this.#looking = true;
    const wait = (again: boolean) => {
      this.#looking = false;
      if (!again || this.#stop.signal.aborted) return;
      this.#timer = setTimeout(() => this.look(), pollMs);
      // It is no reason for a process to go on.
      this.#timer.unref();
    };
    this.#round().then(wait, (error: unknown) => {
      const expected = error instanceof ToolsUnavailable || this.#stop.signal.aborted;
      if (!expected) this.#parts.log.error({ err: error }, 'what monitors printed could not be told');
      wait(true);
    });
  }

  close(): void {
    this.#stop.abort(new Error('the agent stops'));
    clearTimeout(this.#timer);
  }

  /** An entry with what a session's monitors printed since it was last told. Where the tools do not answer: later. */
  async news(session: string, signal: AbortSignal): Promise<NewEntry | undefined> {
    const open = this.#open().filter((task) => task.session === session);
    const printed = open.length === 0 ? [] : await this.#printed(open, signal).catch(unlessUnavailable);
    if (printed.length === 0) return undefined;
    return {
      message: {
        role: 'user',
        content: printed.map((each) => ({ type: 'text', text: describePrinted(each) })),
      },
      toldOutput: printed.map(({ task: { id }, to }) => ({ id, to })),
      toldBackground: printed.flatMap(({ over, task: { id } }) => (over ? [id] : [])),
    };
  }

  /** Resolves with whether to look again. */
  async #round(): Promise<boolean> {
    const open = this.#open();
    if (open.length === 0 || this.#parts.held()) {
      this.#owe([]);
      return open.length > 0;
    }
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(patienceMs)]);
    await this.#endOverdue(open, signal);
    const idle = open.filter(({ session }) => this.#ledger(session)?.open().length === 0);
    const printed = idle.length === 0 ? [] : await this.#printed(idle, signal);
    const owed: Task[] = [];
    for (const session of new Set(printed.map(({ task }) => task.session))) {
      const tasks = printed.map(({ task }) => task).filter((task) => task.session === session);
      if (!(await this.#tell(session, tasks))) owed.push(...tasks);
    }
    this.#owe(owed);
    return true;
  }

  /** Monitors that run, or whose end their session does not know. */
  #open(): Task[] {
    return this.#parts.background.all().filter(({ id, session, status, monitor }) => {
      if (monitor === undefined) return false;
      const ledger = this.#ledger(session);
      return ledger !== undefined && (status === 'running' || !ledger.toldBackground.has(id));
    });
  }

  async #endOverdue(open: readonly Task[], signal: AbortSignal): Promise<void> {
    const now = new Date(this.#parts.now()).toISOString();
    for (const { id, status, monitor } of open)
      if (status === 'running' && monitor?.until !== undefined && monitor.until <= now)
        await this.#parts.background.stop(id, signal);
  }

  async #printed(tasks: readonly Task[], signal: AbortSignal): Promise<Printed[]> {
    const sizes = await this.#parts.background.sizes(signal);
    const found: Printed[] = [];
    for (const task of tasks) {
      const told = this.#ledger(task.session)?.toldOutput.get(task.id) ?? 0;
      const printed = await readPrinted(task, told, sizes.get(task.id) ?? 0, this.#parts.background, signal);
      if (printed !== undefined) found.push(printed);
    }
    return found;
  }

  /** Gives a session that does nothing a turn, in which it is told. False: not yet. */
  async #tell(session: string, tasks: readonly Task[]): Promise<boolean> {
    const { sessions, held, now, log } = this.#parts;
    const ledger = this.#ledger(session);
    const [first] = tasks;
    if (ledger === undefined || first === undefined || held() || ledger.open().length > 0) return true;
    const at = now();
    // Where a turn failed before it told anything, there is another one in the next hour.
    const hour = new Date(at).toISOString().slice(0, 13);
    const key = `monitor-${first.id}-${ledger.toldOutput.get(first.id) ?? 0}-${first.status}-${hour}`;
    if (ledger.messages.has(key)) return true;
    const begun = [...ledger.messages.values()]
      .filter(({ request }) => request.from === sender)
      .map(({ receivedAt }) => Date.parse(receivedAt));
    if (nextNotice(begun, at) > at) return false;
    const names = tasks.map(({ id, monitor }) => `${id} (${plain(monitor?.description ?? '')})`);
    const text = `<task-notification>\nNews of monitors: ${names.join(', ')}. What they printed follows, unless you have been told.\n</task-notification>`;
    await sessions().accept({ key, session, from: sender, text });
    log.info({ session, monitors: tasks.map(({ id }) => id) }, 'monitors began a turn');
    return true;
  }

  #owe(tasks: readonly Task[]): void {
    const changed = tasks.length !== this.#owed.length;
    this.#owed = tasks;
    if (changed) this.#parts.changed();
  }

  #ledger(session: string): Ledger | undefined {
    return this.#parts.sessions().find(session)?.logs.ledger;
  }
}

function unlessUnavailable(error: unknown): Printed[] {
  if (error instanceof ToolsUnavailable || error instanceof ToolRefused) return [];
  throw error;
}

/** Cannot imitate what only the runtime says. */
function plain(text: string): string {
  return text.replace(/[<>]/g, '').replace(/\s+/g, ' ').slice(0, 200).toWellFormed();
}
