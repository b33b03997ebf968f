import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { TerminalRequest, TerminalState } from '../../protocol/terminals.ts';
import { type LaunchContext, prepareLaunch } from '../process/launch.ts';
import { ToolFailure } from '../tool-failure.ts';
import { TerminalHost } from './host.ts';
import { type StoredTerminal, Terminal } from './terminal.ts';

export interface TerminalsContext extends LaunchContext {
  /** The path of the program `terminal-host`. */
  program: string;
  /** Where hosts that let go of their line come back, as sockets: a folder of this pod alone, the same in the next one. */
  lines: string;
  /** Makes ready for a command that can be dumped; answers its environment. Default: nothing. */
  prepare?: (env: Record<string, string>) => Promise<Record<string, string>>;
  limits: TerminalLimits;
}

export interface TerminalLimits {
  /** Terminals that are open at the same time. */
  open: number;
  /** Those who see one at the same time. */
  clients: number;
  /** How long the end of one can be seen by who was not attached then, in ms, and of how many. */
  endedMs: number;
  ended: number;
  /** Between HUP and KILL, in ms. */
  graceMs: number;
}

export const terminalLimits: TerminalLimits = {
  open: 16,
  clients: 16,
  endedMs: 60_000,
  ended: 16,
  graceMs: 5_000,
};

const loginShell = ['bash', '-l'];

/** The pseudo-terminals of the workspace. A sleep ends them, unless they are dumped and restored. */
export class Terminals {
  readonly #context: TerminalsContext;
  readonly #open = new Map<string, Terminal>();
  /** Those that ended a moment ago. */
  readonly #ended = new Map<string, Terminal>();
  /** Those that are being opened count like open ones. */
  readonly #opening = new Set<Promise<TerminalState>>();
  readonly #names = new Set<string>();
  #opened = 0;

  constructor(context: TerminalsContext) {
    this.#context = context;
  }

  list(): TerminalState[] {
    return [...this.#open.values()].map((terminal) => terminal.describe());
  }

  /**
   * Starts a command on a new terminal.
   * @throws ToolFailure `limit`, `conflict` (the name), `not_found` (the directory), `invalid` (the command), `io`.
   */
  async open(request: TerminalRequest): Promise<TerminalState> {
    const { name } = request;
    const { open } = this.#context.limits;
    if (this.#open.size + this.#opening.size >= open)
      throw new ToolFailure('limit', `${open} terminals are open already: end one first`);
    if (name !== undefined && this.#names.has(name))
      throw new ToolFailure(
        'conflict',
        `a terminal is named ${name} already: attach to it, or choose another name`,
      );
    if (name !== undefined) this.#names.add(name);
    const opening = this.#start(request);
    this.#opening.add(opening);
    try {
      return await opening;
    } catch (error) {
      if (name !== undefined) this.#names.delete(name);
      throw error;
    } finally {
      this.#opening.delete(opening);
    }
  }

  /** Shows a terminal over the socket. One that ended a moment ago shows its last output and its end. */
  attach(id: string): (socket: Duplex, head: Buffer) => void {
    const terminal = this.#open.get(id) ?? this.#ended.get(id);
    if (terminal === undefined) throw unknown(id);
    const { clients } = this.#context.limits;
    if (terminal.describe().clients >= clients)
      throw new ToolFailure('limit', `${clients} clients are attached to terminal ${id} already`);
    return (socket, head) => terminal.attach(socket, head);
  }

  /** Hangs up a terminal; resolves when nothing of it is left. */
  async end(id: string): Promise<void> {
    const terminal = this.#open.get(id);
    if (terminal === undefined) throw unknown(id);
    await terminal.end(this.#context.limits.graceMs, 'The terminal was ended by another request.');
  }

  /** Hangs up every terminal. `why` is what those who see them are told. */
  async endAll(graceMs: number, why: string): Promise<void> {
    await Promise.allSettled(this.#opening);
    await Promise.all([...this.#open.values()].map((terminal) => terminal.end(graceMs, why)));
  }

  /** The open ones, by their ids. */
  entries(): [string, Terminal][] {
    return [...this.#open];
  }

  /** Where a terminal's host comes back after it let go. */
  lineOf(id: string): string {
    return join(this.#context.lines, `${id}.line`);
  }

  /** Takes up a terminal that was restored. Rejects where its host does not come back. */
  async adopt(state: StoredTerminal, shown: Buffer, hostPid: number): Promise<void> {
    const host = await TerminalHost.adopt(hostPid, this.lineOf(state.id));
    if (state.name !== undefined) this.#names.add(state.name);
    this.#keep(new Terminal(host, state, shown), state.id);
  }

  /** Lets go those who see a terminal. */
  sleepAll(why: string): void {
    for (const terminal of this.#open.values()) terminal.sleep(why);
  }

  async #start(request: TerminalRequest): Promise<TerminalState> {
    const { columns, rows, command = loginShell, directory, term = 'xterm-256color', name } = request;
    const {
      cwd,
      env: plain,
      prefix,
      missing,
    } = await prepareLaunch(this.#context, { cwd: directory, env: { TERM: term } });
    if (missing !== undefined) throw new ToolFailure('not_found', `the directory ${missing} does not exist`);
    const { program, prepare } = this.#context;
    const env = (await prepare?.(plain)) ?? plain;
    const host = await TerminalHost.start({ program, columns, rows, command, cwd, env, prefix });
    this.#opened += 1;
    // Ids of an earlier workspaced must not come again: who attaches to one would see a terminal of somebody else.
    const id = `t${this.#opened}-${randomBytes(3).toString('hex')}`;
    const startedAt = new Date().toISOString();
    const terminal = new Terminal(host, {
      id,
      ...(name === undefined ? {} : { name }),
      ...{ columns, rows, command, startedAt },
    });
    this.#keep(terminal, id);
    return terminal.describe();
  }

  #keep(terminal: Terminal, id: string): void {
    this.#open.set(id, terminal);
    void this.#untilOver(id, terminal);
  }

  async #untilOver(id: string, terminal: Terminal): Promise<void> {
    await terminal.over;
    const { endedMs, ended } = this.#context.limits;
    this.#open.delete(id);
    if (terminal.name !== undefined) this.#names.delete(terminal.name);
    this.#ended.set(id, terminal);
    const [oldest] = this.#ended.keys();
    if (this.#ended.size > ended && oldest !== undefined) this.#ended.delete(oldest);
    setTimeout(() => this.#ended.delete(id), endedMs).unref();
  }
}

function unknown(id: string): ToolFailure {
  return new ToolFailure(
    'not_found',
    `there is no terminal ${id.slice(0, 64)}: terminals end with their command, and most when the workspace sleeps. Open a new one`,
  );
}
