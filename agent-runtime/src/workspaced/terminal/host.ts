import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { constants } from 'node:os';
import { encodeBytes, encodeFrame, type Frame, FrameReader } from '../../protocol/frames.ts';
import { type Exit, hangUpSession } from '../process/session.ts';
import { readProcess } from '../process/table.ts';
import { ToolFailure } from '../tool-failure.ts';

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

/** As terminal-host/frame.go has them. */
const frames = { bytes: 0, resize: 1, started: 2, exit: 3, failed: 4 } as const;

/** How long a host whose session has ended may take to end too, in ms. */
const hostPatienceMs = 2_000;

/** A command on a pseudo-terminal. A process of its own holds the other end of it: see terminal-host/main.go. */
export class TerminalHost {
  /** Of the command, which leads the session. */
  readonly pid: number;
  /** How the command ended, when all that it printed has been shown. Never rejects. */
  readonly exited: Promise<Exit>;
  /** Called with each piece of output. */
  onOutput: (bytes: Buffer) => void = () => undefined;
  /** Called when what was typed has been taken, after `write` said that it was too much. */
  onDrain: () => void = () => undefined;
  /** Tells the command from a later process with its pid: where the host is killed, the command may outlive it. */
  readonly #startTime: number | undefined;
  readonly #child: ChildProcess;
  readonly #socket: Socket;
  /** What came with the news that it was started, before anybody listened. */
  readonly #early: Frame[];
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
    const reader = new FrameReader();
    const socket = child.stdio[3] as Socket;
    return new Promise((resolve, reject) => {
      const fail = (why: string, cause?: unknown) =>
        reject(new ToolFailure('io', `a terminal cannot be opened in ${cwd}: ${why}`, { cause }));
      child.once('error', (error) => fail(String(error), error));
      socket.on('error', () => socket.destroy());
      socket.once('close', () => fail('its host ended'));
      socket.once('data', (chunk: Buffer) => {
        // The first frame has a few bytes, and was written as a whole.
        const [first, ...rest] = reader.push(chunk);
        if (first?.kind === frames.started)
          resolve(new TerminalHost(child, socket, reader, rest, first.payload.readUInt32BE(0)));
        else if (first?.kind === frames.failed) reject(new ToolFailure('invalid', first.payload.toString()));
        else fail('its host said nothing that is understood');
      });
    });
  }

  private constructor(child: ChildProcess, socket: Socket, reader: FrameReader, early: Frame[], pid: number) {
    this.pid = pid;
    this.#startTime = readProcess(pid)?.startTime;
    this.#child = child;
    this.#socket = socket;
    this.#early = early;
    socket.pause();
    this.exited = new Promise((resolve) => {
      socket.once('close', () => {
        this.#exit ??= { code: null, signal: 'SIGKILL' };
        resolve(this.#exit);
      });
    });
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const frame of reader.push(chunk)) this.#take(frame);
      } catch {
        // No host of ours sends such a frame: what it is, nobody knows.
        this.#socket.destroy();
      }
    });
    socket.on('drain', () => this.onDrain());
  }

  /** Types. Returns whether more can be taken at once. */
  write(bytes: Buffer): boolean {
    return this.#socket.destroyed || this.#socket.write(encodeBytes(frames.bytes, bytes));
  }

  resize(columns: number, rows: number): void {
    const size = Buffer.alloc(4);
    size.writeUInt16BE(columns, 0);
    size.writeUInt16BE(rows, 2);
    if (!this.#socket.destroyed) this.#socket.write(encodeFrame(frames.resize, size));
  }

  /** Nothing is shown until `resume`: first the host waits, then the command. It begins like that. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    for (const frame of this.#early.splice(0)) this.#take(frame);
    this.#socket.resume();
  }

  /** HUP to the whole session, KILL to what is left after `graceMs`; resolves when nothing of it is left. */
  async hangUp(graceMs: number): Promise<void> {
    await hangUpSession(this.pid, () => readProcess(this.pid)?.startTime !== this.#startTime, graceMs);
    const late = setTimeout(() => {
      this.#child.kill('SIGKILL');
      this.#socket.destroy();
    }, hostPatienceMs);
    await this.exited;
    clearTimeout(late);
  }

  #take({ kind, payload }: Frame): void {
    if (kind === frames.bytes) this.onOutput(payload);
    if (kind === frames.exit) this.#exit = exitOf(payload);
  }
}

function exitOf(payload: Buffer): Exit {
  const [how, value = 0] = payload;
  if (how === 0) return { code: value, signal: null };
  const named = Object.entries(constants.signals).find(([, number]) => number === value);
  return { code: null, signal: (named?.[0] ?? 'SIGKILL') as NodeJS.Signals };
}
