import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { constants } from 'node:os';
import { encodeBytes, encodeFrame, type Frame } from '../../protocol/frames.ts';
import { type Exit, hangUpSession } from '../process/session.ts';
import { readProcess } from '../process/table.ts';
import { ToolFailure } from '../tool-failure.ts';
import { comesBack, firstWord, hostFrames, type Line, letGo } from './line.ts';

export interface HostedCommand {
  /** The path of the program `terminal-host`. */
  program: string;
  columns: number;
  rows: number;
  command: readonly string[];
  cwd: string;
  env: Readonly<Record<string, string>>;
  /** As in {@link SessionCommand}. */
  prefix?: readonly string[];
}

/** How long a host whose session has ended may take to end too, and one that was let go to come back, in ms. */
const hostPatienceMs = 2_000;
const returnMs = 10_000;

/** A command on a pseudo-terminal. A process of its own holds the other end of it: see terminal-host/main.go. */
export class TerminalHost {
  /** Of the command, which leads a session. */
  readonly pid: number;
  /** Of the host, which leads another one. All that runs on the terminal descends from it. */
  readonly hostPid: number;
  /** How the command ended, when all that it printed has been shown. Never rejects. */
  readonly exited: Promise<Exit>;
  /** Called with each piece of output. */
  onOutput: (bytes: Buffer) => void = () => undefined;
  /** Called when what was typed has been taken, after `write` said that it was too much. */
  onDrain: () => void = () => undefined;
  /** They tell each from a later process with its pid: where the host is killed, the command may outlive it. */
  readonly #startTime: number | undefined;
  readonly #hostStartTime: number | undefined;
  readonly #over = Promise.withResolvers<Exit>();
  #socket!: Socket;
  /** What came before anybody listened. */
  #early: Frame[] = [];
  /** What is to be sent to a host that was let go; undefined where it was not. */
  #unsent: Buffer[] | undefined;
  /** Where it goes if it lets go after all, when that is not waited for any more. */
  #late: string | undefined;
  #exit: Exit | undefined;

  /** Starts the command; throws {@link ToolFailure} where that cannot be done. */
  static async start(command: HostedCommand): Promise<TerminalHost> {
    const { program, columns, rows, cwd, env } = command;
    const [file = '', ...args] = [
      ...(command.prefix ?? []),
      program,
      String(columns),
      String(rows),
      ...command.command,
    ];
    const child = spawn(file, args, {
      cwd,
      env,
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    });
    try {
      const failed = once(child, 'error').then(([error]) => Promise.reject(error));
      const line = await Promise.race([firstWord(child.stdio[3] as Socket), failed]);
      return new TerminalHost(child.pid ?? 0, line);
    } catch (error) {
      if (error instanceof ToolFailure) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new ToolFailure('io', `a terminal cannot be opened in ${cwd}: ${why}`, { cause: error });
    }
  }

  /** Takes up a host that was let go in an earlier pod, and comes back to `path` now. */
  static async adopt(hostPid: number, path: string): Promise<TerminalHost> {
    return new TerminalHost(hostPid, await comesBack(path, returnMs));
  }

  private constructor(hostPid: number, line: Line) {
    this.hostPid = hostPid;
    this.pid = line.pid;
    this.#startTime = readProcess(this.pid)?.startTime;
    this.#hostStartTime = readProcess(hostPid)?.startTime;
    this.exited = this.#over.promise;
    this.#listen(line);
  }

  /** Types. Returns whether more can be taken at once. */
  write(bytes: Buffer): boolean {
    return this.#send(encodeBytes(hostFrames.bytes, bytes));
  }

  resize(columns: number, rows: number): void {
    const size = Buffer.alloc(4);
    size.writeUInt16BE(columns, 0);
    size.writeUInt16BE(rows, 2);
    this.#send(encodeFrame(hostFrames.resize, size));
  }

  /** Nothing is shown until `resume`: first the host waits, then the command. It begins like that. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    for (const frame of this.#early.splice(0)) this.#take(frame);
    this.#socket.resume();
  }

  /**
   * Has the host let go of its line, as it must for a dump, and come back to `path` whenever it runs. False where the command has
   * ended. Rejects where the host does not let go: all is as before then.
   */
  async letGo(path: string): Promise<boolean> {
    this.#unsent = [];
    this.resume();
    try {
      await letGo(this.#socket, path, hostPatienceMs);
    } catch (error) {
      this.#late = path;
      this.#sendUnsent();
      throw error;
    }
    if (this.#exit === undefined) return true;
    this.#settle();
    return false;
  }

  /** Takes up its line again, at the same path. A host that does not come back is ended. */
  async takeUp(path: string): Promise<void> {
    this.#late = undefined;
    this.#unsent ??= [];
    try {
      if (!this.#hostLives()) throw new Error('it ended');
      this.#listen(await comesBack(path, returnMs));
      this.#sendUnsent();
    } catch {
      // It was killed, or hangs: its end is told as any other.
      this.#kill();
      this.#settle();
    }
  }

  /** HUP to the whole session, KILL to what is left after `graceMs`; resolves when nothing of it is left. */
  async hangUp(graceMs: number): Promise<void> {
    await hangUpSession(this.pid, () => readProcess(this.pid)?.startTime !== this.#startTime, graceMs);
    const late = setTimeout(() => {
      this.#kill();
      this.#socket.destroy();
    }, hostPatienceMs);
    await this.exited;
    clearTimeout(late);
  }

  #listen({ socket, reader, early }: Line): void {
    this.#socket = socket;
    this.#early = early;
    socket.once('close', () => {
      if (this.#late !== undefined && this.#exit === undefined) void this.takeUp(this.#late);
      else if (this.#unsent === undefined) this.#settle();
    });
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const frame of reader.push(chunk)) this.#take(frame);
      } catch {
        // No host of ours sends such a frame: what it is, nobody knows.
        socket.destroy();
      }
    });
    socket.on('drain', () => this.onDrain());
    // Reading begins with the first listener.
    socket.pause();
  }

  #send(bytes: Buffer): boolean {
    if (this.#unsent !== undefined) {
      this.#unsent.push(bytes);
      return false;
    }
    return this.#socket.destroyed || this.#socket.write(bytes);
  }

  #sendUnsent(): void {
    for (const bytes of this.#unsent ?? []) this.#socket.write(bytes);
    this.#unsent = undefined;
    this.onDrain();
  }

  #settle(): void {
    this.#exit ??= { code: null, signal: 'SIGKILL' };
    this.#over.resolve(this.#exit);
  }

  #hostLives(): boolean {
    return readProcess(this.hostPid)?.startTime === this.#hostStartTime;
  }

  #kill(): void {
    if (this.#hostLives()) process.kill(this.hostPid, 'SIGKILL');
  }

  #take({ kind, payload }: Frame): void {
    if (kind === hostFrames.bytes) this.onOutput(payload);
    if (kind === hostFrames.exit) this.#exit = exitOf(payload);
  }
}

function exitOf(payload: Buffer): Exit {
  const [how, value = 0] = payload;
  if (how === 0) return { code: value, signal: null };
  const named = Object.entries(constants.signals).find(([, number]) => number === value);
  return { code: null, signal: (named?.[0] ?? 'SIGKILL') as NodeJS.Signals };
}
