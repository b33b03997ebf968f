import type { Duplex } from 'node:stream';
import { type ExitMessage, retainedBytes, type TerminalState } from '../../protocol/terminals.ts';
import type { TerminalHost } from './host.ts';
import { RetainedOutput } from './retained-output.ts';
import { Viewer } from './viewer.ts';

/** How long a command whose first output fills what is retained waits for somebody to see it, in ms. */
const audienceMs = 10_000;
/** How long what a command leaves behind on its terminal has between HUP and KILL, in ms. */
const leftoverGraceMs = 1_000;

/** A terminal, without what concerns those who see it. */
export type StoredTerminal = Omit<TerminalState, 'clients'>;

/**
 * A terminal and those who see it. Output flows as fast as the fastest of them reads: one that is behind while another keeps up
 * is let go before its backlog grows further, and while all are behind the command waits. Nobody need see it.
 */
export class Terminal {
  /** How it ended; resolves when nothing is left of it. Never rejects. */
  readonly over: Promise<void>;
  readonly #host: TerminalHost;
  readonly #retained = new RetainedOutput(retainedBytes);
  readonly #viewers = new Set<Viewer>();
  readonly #state: StoredTerminal;
  #expected = true;
  /** While its host has let go of it, or shall: what was shown by then is all that can be kept. */
  #lettingGo = false;
  #why: string | undefined;
  #exit: ExitMessage | undefined;

  /** `shown`: what one that was restored had shown last. */
  constructor(host: TerminalHost, state: StoredTerminal, shown?: Buffer) {
    this.#host = host;
    this.#state = { ...state };
    if (shown !== undefined) {
      this.#expected = false;
      this.#retained.append(shown);
    }
    host.onOutput = (bytes) => this.#show(bytes);
    host.onDrain = () => {
      for (const viewer of this.#viewers) viewer.listen();
    };
    const patience = setTimeout(() => this.#nobodyComes(), audienceMs);
    patience.unref();
    this.over = this.#untilOver().finally(() => clearTimeout(patience));
    host.resume();
  }

  get name(): string | undefined {
    return this.#state.name;
  }

  /** The root of all that runs on it. */
  get hostPid(): number {
    return this.#host.hostPid;
  }

  /** Of its command. */
  get pid(): number {
    return this.#host.pid;
  }

  /** What a later pod needs to know to go on with it. Complete while it is let go. */
  record(): { state: StoredTerminal; shown: Buffer } {
    return { state: { ...this.#state }, shown: this.#retained.read() };
  }

  /** Has its host let go of it, for a dump: see {@link TerminalHost.letGo}. What is typed meanwhile waits. */
  async letGo(path: string): Promise<boolean> {
    this.#lettingGo = true;
    this.#balance();
    try {
      return await this.#host.letGo(path);
    } catch (error) {
      this.#lettingGo = false;
      throw error;
    }
  }

  async takeUp(path: string): Promise<void> {
    await this.#host.takeUp(path);
    this.#lettingGo = false;
    this.#balance();
  }

  /** Lets go those who see it: it sleeps. `why` is what they are told. */
  sleep(why: string): void {
    for (const viewer of this.#viewers)
      viewer.finish({ type: 'exit', signal: 'SIGHUP', message: why, asleep: true });
    this.#viewers.clear();
  }

  describe(): TerminalState {
    return { ...this.#state, clients: this.#viewers.size };
  }

  /** Shows the last output to the other end of the socket, then what comes, and types what comes from there. */
  attach(socket: Duplex, head: Buffer): void {
    const viewer: Viewer = new Viewer(socket, head, {
      typed: (bytes) => {
        if (!this.#host.write(bytes)) viewer.ignore();
      },
      resized: ({ columns, rows }) => {
        Object.assign(this.#state, { columns, rows });
        this.#host.resize(columns, rows);
      },
      caughtUp: () => this.#balance(),
      left: () => {
        this.#viewers.delete(viewer);
        this.#balance();
      },
    });
    viewer.show(this.#retained.read());
    this.#retained.trim();
    if (this.#exit !== undefined) {
      viewer.finish(this.#exit);
      return;
    }
    this.#expected = false;
    this.#viewers.add(viewer);
    this.#balance();
  }

  /** Hangs up: HUP to all that runs on it, KILL to what is left after `graceMs`. `why` is what those who see it are told. */
  async end(graceMs: number, why: string): Promise<void> {
    this.#why ??= why;
    this.#balance();
    await this.#host.hangUp(graceMs);
    await this.over;
  }

  async #untilOver(): Promise<void> {
    const { code, signal } = await this.#host.exited;
    this.#exit = {
      type: 'exit',
      ...(code === null ? { signal: signal ?? 'SIGKILL' } : { code }),
      ...(this.#why === undefined ? {} : { message: this.#why }),
    };
    for (const viewer of this.#viewers) viewer.finish(this.#exit);
    this.#viewers.clear();
    // What it left running on its terminal goes with it.
    await this.#host.hangUp(leftoverGraceMs);
  }

  #show(bytes: Buffer): void {
    this.#retained.append(bytes);
    // While somebody is waited for, the command is held up instead.
    if (!this.#expected) this.#retained.trim();
    for (const viewer of this.#viewers) viewer.show(bytes);
    this.#balance();
  }

  #nobodyComes(): void {
    this.#expected = false;
    this.#retained.trim();
    this.#balance();
  }

  /** Lets go who is too far behind, and has the command wait or go on. */
  #balance(): void {
    const viewers = [...this.#viewers];
    const ahead = viewers.filter((viewer) => !viewer.behind);
    if (ahead.length > 0) {
      for (const viewer of viewers) {
        if (!viewer.lost) continue;
        this.#viewers.delete(viewer);
        viewer.letGo();
      }
    }
    const allBehind = viewers.length > 0 && ahead.length === 0;
    const unseen = this.#expected && this.#retained.bytes >= retainedBytes;
    // What hangs up ends sooner when its output is taken.
    if ((allBehind || unseen) && this.#why === undefined && !this.#lettingGo) this.#host.pause();
    else this.#host.resume();
  }
}
