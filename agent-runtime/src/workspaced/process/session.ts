import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { systemErrorCode } from '../tool-failure.ts';
import { describeProcess, type ProcessEntry, readProcess, readProcessTable } from './table.ts';

export interface SessionCommand {
  file: string;
  args: readonly string[];
  cwd: string;
  env: Readonly<Record<string, string>>;
  /** The program and its arguments that become the command: see `LaunchContext`. */
  prefix?: readonly string[];
  /** An open file that is its standard input. Default: `/dev/null`. */
  inputFile?: number | undefined;
  /** An open file that the process finds as its descriptor 3. */
  extraFile?: number;
}

/** How the leader of a session ended: one of the two is null. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** How long a process that was sent KILL is waited for: one in uninterruptible sleep cannot be ended by anyone. */
const killPatienceMs = 5_000;

/**
 * A process that leads a session of its own, and whatever it starts. Everything in the session is signalled together, also
 * groups that a shell made with job control. A process that makes a session of its own (`setsid`, a daemon) has left.
 */
export class Session {
  readonly pid: number;
  readonly startTime: number;
  readonly exited: Promise<Exit>;
  #exit: Exit | undefined;
  #ending: Promise<void> | undefined;

  protected constructor(pid: number, exited: Promise<Exit>) {
    this.pid = pid;
    this.startTime = readProcess(pid)?.startTime ?? 0;
    this.exited = exited.then((exit) => {
      this.#exit = exit;
      return exit;
    });
  }

  /** Starts the command with pipes for its output. Throws what `spawn` reports, such as `ENOENT`. */
  static async start(command: SessionCommand): Promise<PipedSession> {
    const { child, pid, exited } = await spawnSession(command, 'pipe');
    return new PipedSession(pid, exited, child.stdout as Readable, child.stderr as Readable);
  }

  /** The same, with a pipe for its input as well. */
  static async startPiped(command: SessionCommand): Promise<PipedSession & { readonly stdin: Writable }> {
    const { child, pid, exited } = await spawnSession(command, 'pipe', 'pipe');
    const session = new PipedSession(pid, exited, child.stdout as Readable, child.stderr as Readable);
    return Object.assign(session, { stdin: child.stdin as Writable });
  }

  /** As `start`, with an open file as its output. */
  static async startInto(command: SessionCommand, file: number): Promise<Session> {
    const { pid, exited } = await spawnSession(command, file);
    return new Session(pid, exited);
  }

  /** A session whose leader is nobody's child here: it was restored. How it ends nobody tells, only that it did. */
  static adopt(pid: number): Session {
    const startTime = readProcess(pid)?.startTime;
    const gone = async (): Promise<Exit> => {
      while (startTime !== undefined && isAlive(pid, startTime)) await delay(100);
      return { code: null, signal: null };
    };
    return new Session(pid, gone());
  }

  /** The living processes of the session, the leader among them. */
  members(): ProcessEntry[] {
    return sessionMembers(this.pid, this.#exit !== undefined);
  }

  /** Descriptions of the living processes; `shown` says which words of a command line a person knows. */
  describeMembers(shown?: (words: string[]) => string[]): string[] {
    return this.members().map((entry) => describeProcess(entry.pid, shown));
  }

  /** Resolves when nothing of the session is alive, however long that takes. */
  async emptied(): Promise<void> {
    while (this.members().length > 0) await delay(100);
  }

  /** TERM to all, KILL to what is left after `graceMs`; resolves when none is left. A second call shortens nothing. */
  terminate(graceMs: number): Promise<void> {
    this.#ending ??= this.#end(graceMs);
    return this.#ending;
  }

  async #end(graceMs: number): Promise<void> {
    await endSession(() => this.members(), graceMs);
    // The leader is our child: it counts as ended when Node has reaped it.
    await Promise.race([this.exited, delay(killPatienceMs, undefined, { ref: false })]);
  }
}

/** A session whose output is read here. */
export class PipedSession extends Session {
  readonly stdout: Readable;
  readonly stderr: Readable;

  constructor(pid: number, exited: Promise<Exit>, stdout: Readable, stderr: Readable) {
    super(pid, exited);
    this.stdout = stdout;
    this.stderr = stderr;
  }
}

async function spawnSession(
  command: SessionCommand,
  output: 'pipe' | number,
  input: 'ignore' | 'pipe' = 'ignore',
): Promise<{ child: ChildProcess; pid: number; exited: Promise<Exit> }> {
  const [file = '', ...args] = [...(command.prefix ?? []), command.file, ...command.args];
  const child = spawn(file, args, {
    cwd: command.cwd,
    env: command.env,
    detached: true,
    stdio: [
      command.inputFile ?? input,
      output,
      output,
      ...(command.extraFile === undefined ? [] : [command.extraFile]),
    ],
  });
  if (child.pid === undefined) {
    const [error] = await once(child, 'error');
    throw error;
  }
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  child.on('error', () => child.kill('SIGKILL'));
  return { child, pid: child.pid, exited };
}

function isAlive(pid: number, startTime: number): boolean {
  const entry = readProcess(pid);
  return entry?.startTime === startTime && entry.state !== 'Z';
}

/** The living processes of the session that `leader` leads or led. */
function sessionMembers(leader: number, leaderEnded: boolean): ProcessEntry[] {
  return readProcessTable().filter(
    // The pid of an ended leader stays reserved while its session lives: one that bears it again leads another session.
    (entry) => entry.session === leader && !(leaderEnded && entry.pid === leader),
  );
}

/** Ends a session that is not this process's child any more: one that an earlier `workspaced` started. */
export async function endOrphanedSession(leader: number, startTime: number, graceMs: number): Promise<void> {
  if (readProcess(leader)?.startTime !== startTime) return;
  await endSession(() => sessionMembers(leader, false), graceMs);
}

function endSession(
  members: () => ProcessEntry[],
  graceMs: number,
  first: NodeJS.Signals = 'SIGTERM',
): Promise<void> {
  // By group, so that a process forked between the listing and the signal is reached too.
  return endProcesses(members, graceMs, (entry) => -entry.group, first);
}

/**
 * HUP to the session on a terminal, once more after half of `graceMs`, and KILL to what is left after the whole. Shells with
 * a person before them ignore TERM; and one that was just about to wait for a key when HUP came acts on the next.
 */
export async function hangUpSession(
  leader: number,
  leaderEnded: () => boolean,
  graceMs: number,
): Promise<void> {
  const members = () => sessionMembers(leader, leaderEnded());
  const again = setTimeout(() => {
    for (const group of new Set(members().map((entry) => entry.group))) signalOne(-group, 'SIGHUP');
  }, graceMs / 2);
  await endSession(members, graceMs, 'SIGHUP');
  clearTimeout(again);
}

/**
 * TERM to everything listed (or what is asked for in its place), KILL to what is listed after `graceMs`, until nothing is.
 * `target` is what to signal for an entry, as `kill(2)` takes it: a pid, or a negative group.
 */
export async function endProcesses(
  list: () => readonly ProcessEntry[],
  graceMs: number,
  target: (entry: ProcessEntry) => number,
  first: NodeJS.Signals = 'SIGTERM',
): Promise<void> {
  const signalAll = (signal: NodeJS.Signals) => {
    const entries = list();
    for (const to of new Set(entries.map(target))) signalOne(to, signal);
    // A stopped process acts on the signal only once it continues.
    for (const entry of entries) if (entry.state === 'T') signalOne(target(entry), 'SIGCONT');
    return entries.length;
  };
  if (signalAll(first) === 0) return;
  if (await gone(list, graceMs)) return;
  signalAll('SIGKILL');
  await gone(list, killPatienceMs, () => signalAll('SIGKILL'));
}

function signalOne(target: number, signal: NodeJS.Signals): void {
  try {
    process.kill(target, signal);
  } catch (error) {
    // ESRCH: ended between listing and signal. EPERM: it became another user's (setuid), which is not ours to end.
    const code = systemErrorCode(error);
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}

/**
 * Waits until nothing is listed, at most `ms`. Processes that are not our children send no notice of their end, so they are
 * looked for: first after 1 ms, because most end at once, then ever more rarely.
 */
async function gone(
  list: () => readonly ProcessEntry[],
  ms: number,
  again: () => void = () => undefined,
): Promise<boolean> {
  const until = performance.now() + ms;
  for (let pause = 1; ; pause = Math.min(pause * 2, 50)) {
    if (list().length === 0) return true;
    const left = until - performance.now();
    if (left <= 0) return false;
    again();
    await delay(Math.min(pause, left));
  }
}
