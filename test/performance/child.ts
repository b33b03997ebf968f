import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Hertz of the times in /proc/PID/stat: the same on every Linux that Node.js runs on. */
const ticks = 100;

export interface ChildOptions {
  env?: Record<string, string>;
  /** A file descriptor for its standard output. Default: a pipe that {@link Child.said} or {@link Child.lines} reads. */
  output?: number;
}

/** A process that is measured or measures: `await using child = Child.start(…)`. */
export class Child implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #name: string;

  private constructor(name: string, process: ChildProcess) {
    this.#name = name;
    this.#process = process;
  }

  static start(program: string, args: readonly string[], { env, output }: ChildOptions = {}): Child {
    const child = spawn(program, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', output ?? 'pipe', 'inherit'],
    });
    return new Child([program, ...args].join(' '), child);
  }

  /** One of `gateway/programs/`. */
  static program(name: string, ...args: (string | number)[]): Child {
    return Child.start(process.execPath, [
      join(import.meta.dirname, 'gateway/programs', `${name}.ts`),
      ...args.map(String),
    ]);
  }

  /** The first line of its standard output, as JSON. Rejects where it ends without one. */
  async said<T>(): Promise<T> {
    const { stdout } = this.#process;
    if (stdout === null) throw new TypeError(`the output of ${this.#name} is not read`);
    for await (const line of createInterface({ input: stdout })) return JSON.parse(line) as T;
    throw new Error(`${this.#name} ended before it said anything`);
  }

  /** Each line of its standard output from now on, as JSON. */
  lines<T>(onLine: (line: T) => void): void {
    const { stdout } = this.#process;
    if (stdout === null) throw new TypeError(`the output of ${this.#name} is not read`);
    createInterface({ input: stdout }).on('line', (line) => onLine(JSON.parse(line) as T));
  }

  /** Rejects when it ends; for what waits for something that it would do. */
  async ended(): Promise<never> {
    const [code] = await once(this.#process, 'exit');
    throw new Error(`${this.#name} ended with ${code}`);
  }

  /** Seconds of processor time so far, its children's included. */
  get cpuSeconds(): number {
    return [this.#pid, ...this.#children].reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  }

  /** Bytes of memory that it has now, without its children's. */
  get residentBytes(): number {
    const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.#pid}/status`, 'utf8'))?.[1];
    if (kibibytes === undefined) throw new Error(`${this.#name} has no VmRSS`);
    return Number(kibibytes) * 1024;
  }

  get #pid(): number {
    const { pid, exitCode } = this.#process;
    if (pid === undefined || exitCode !== null) throw new Error(`${this.#name} does not run`);
    return pid;
  }

  get #children(): number[] {
    const text = readFileSync(`/proc/${this.#pid}/task/${this.#pid}/children`, 'utf8');
    return text.split(' ').filter(Boolean).map(Number);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { exitCode, signalCode, pid } = this.#process;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill();
    await ended;
  }
}

function cpuSeconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // Its name, in parentheses, may hold anything; the fields behind it begin with the third.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticks;
}

/** A port of the loopback interface that nobody has, for a program that cannot say which it took. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
