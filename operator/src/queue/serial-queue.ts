import { type Clock, delay, systemClock } from '../kube/index.ts';
import type { Logger } from '../telemetry/log.ts';
import { Deadlines } from './deadlines.ts';
import { Waiting } from './waiting.ts';
import { type Outcome, type Priority, TerminalError, type Worker, type WorkQueue } from './work-queue.ts';

export interface SerialQueueOptions {
  worker: Worker;
  log: Logger;
  /** Keys worked on at the same time. */
  concurrency: number;
  observer?: WorkObserver;
  clock?: Clock;
  /** 0 ≤ x < 1. */
  random?: () => number;
  /** Milliseconds before the first retry of a key; doubled for each further one. Default: 100. */
  firstBackoff?: number;
  /** Milliseconds. Default: 30 000. */
  longestBackoff?: number;
}

/** Told of each piece of work. `requeued`: done, with a deadline; `retried`: threw; `failed`: threw, not to be retried. */
export interface WorkObserver {
  observeWork(work: {
    result: 'ok' | 'requeued' | 'retried' | 'failed';
    seconds: number;
    waited: number;
  }): void;
}

/** A timer longer than 2^31 ms fires at once; days of waiting are waited in hours. */
const longestTimer = 3_600_000;

interface Work {
  started: number;
  /** Added again meanwhile. */
  dirty: Priority | undefined;
  done: Promise<void>;
}

/** {@link WorkQueue} in memory. */
export class SerialQueue implements WorkQueue {
  readonly #options: SerialQueueOptions;
  readonly #clock: Clock;
  readonly #waiting = new Waiting();
  readonly #deadlines = new Deadlines();
  readonly #working = new Map<string, Work>();
  readonly #failures = new Map<string, number>();
  readonly #aborting = new AbortController();
  #state: 'new' | 'running' | 'stopped' = 'new';
  #timer: { at: number; cancel: () => void } | undefined;

  constructor(options: SerialQueueOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  get depth(): number {
    return this.#waiting.size;
  }

  get oldestAge(): number {
    const { oldest } = this.#waiting;
    return oldest === undefined ? 0 : this.#clock.monotonic() - oldest;
  }

  get active(): number {
    return this.#working.size;
  }

  get longestWork(): number {
    let earliest: number | undefined;
    for (const { started } of this.#working.values()) earliest = Math.min(earliest ?? started, started);
    return earliest === undefined ? 0 : this.#clock.monotonic() - earliest;
  }

  add(key: string, priority: Priority = 'live'): void {
    if (this.#state === 'stopped') return;
    const work = this.#working.get(key);
    if (work === undefined) {
      this.#waiting.add(key, priority, this.#clock.monotonic());
      this.#pump();
    } else if (work.dirty !== 'live') work.dirty = priority;
  }

  addAfter(key: string, milliseconds: number): void {
    if (this.#state === 'stopped') return;
    if (milliseconds <= 0) {
      this.add(key);
      return;
    }
    this.#deadlines.add(key, this.#clock.monotonic() + milliseconds);
    this.#arm();
  }

  start(): void {
    if (this.#state !== 'new') throw new Error('a queue can be started once');
    this.#state = 'running';
    this.#pump();
  }

  async stop(grace: number): Promise<void> {
    this.#state = 'stopped';
    this.#timer?.cancel();
    this.#timer = undefined;
    const over = new AbortController();
    const ended = this.#idle().finally(() => over.abort());
    await delay(this.#clock, grace, over.signal);
    if (this.#working.size > 0) this.#aborting.abort(new Error('the operator is stopping'));
    await ended;
  }

  async #idle(): Promise<void> {
    await Promise.all(Array.from(this.#working.values(), (work) => work.done));
  }

  #pump(): void {
    while (this.#state === 'running' && this.#working.size < this.#options.concurrency) {
      const next = this.#waiting.take();
      if (next === undefined) return;
      this.#begin(next.key, next.since);
    }
  }

  #begin(key: string, since: number): void {
    const started = this.#clock.monotonic();
    this.#deadlines.delete(key);
    const { promise: done, resolve } = Promise.withResolvers<void>();
    const work: Work = { started, dirty: undefined, done };
    this.#working.set(key, work);
    // In a later microtask, so that a worker that throws at once cannot unwind into whoever added the key.
    queueMicrotask(() => {
      void this.#run(key, work, since).then(resolve);
    });
  }

  async #run(key: string, work: Work, since: number): Promise<void> {
    let result: 'ok' | 'requeued' | 'retried' | 'failed' = 'ok';
    try {
      const outcome = await this.#options.worker(key, this.#aborting.signal, () => {
        work.dirty = undefined;
      });
      if (this.#settle(key, outcome)) result = 'requeued';
    } catch (error) {
      result = this.#failed(key, error);
    }
    const ended = this.#clock.monotonic();
    this.#options.observer?.observeWork({
      result,
      seconds: (ended - work.started) / 1000,
      waited: (work.started - since) / 1000,
    });
    this.#working.delete(key);
    if (work.dirty !== undefined) this.add(key, work.dirty);
    this.#pump();
  }

  /** Whether a deadline was asked for. */
  #settle(key: string, outcome: Outcome | undefined): boolean {
    this.#failures.delete(key);
    if (outcome?.requeueAfter === undefined) return false;
    this.addAfter(key, outcome.requeueAfter);
    return true;
  }

  #failed(key: string, error: unknown): 'retried' | 'failed' {
    const { log, firstBackoff = 100, longestBackoff = 30_000, random = Math.random } = this.#options;
    if (error instanceof TerminalError) {
      this.#failures.delete(key);
      log.error({ err: error, item: key }, 'work failed for good');
      return 'failed';
    }
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    const wait = Math.min(longestBackoff, firstBackoff * 2 ** failures) * (0.75 + random() / 4);
    log.warn({ err: error, item: key, wait, failures: failures + 1 }, 'work failed, to be retried');
    this.addAfter(key, wait);
    return 'retried';
  }

  /** Keeps the one timer on the earliest deadline. */
  #arm(): void {
    const { next } = this.#deadlines;
    if (next === undefined || this.#state === 'stopped') return;
    if (this.#timer !== undefined && this.#timer.at <= next) return;
    this.#timer?.cancel();
    const wait = Math.min(Math.max(0, next - this.#clock.monotonic()), longestTimer);
    this.#timer = { at: next, cancel: this.#clock.schedule(wait, () => this.#ring()) };
  }

  #ring(): void {
    this.#timer = undefined;
    const now = this.#clock.monotonic();
    for (let key = this.#deadlines.take(now); key !== undefined; key = this.#deadlines.take(now))
      this.add(key);
    this.#arm();
  }
}
