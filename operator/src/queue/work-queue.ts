/** `live`: something happened just now. `initial`: the first listing, or a routine look; served when nothing live waits. */
export type Priority = 'live' | 'initial';

/** What a worker found: when to look at the key again, if nothing happens before. */
export interface Outcome {
  /** Milliseconds from now. */
  requeueAfter?: number;
}

/** Thrown by a worker: trying again cannot help until something changes. The key waits for its next event. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
}

/**
 * Does the work of one key. Never called twice at the same time for the same key. Throwing means: again, with
 * exponential back-off; {@link TerminalError} means: not again by itself. `signal` aborts when the queue is stopped hard.
 * `looks` is for the worker to call when it reads what is known of the key: what made others add the key until then is known to it.
 */
export type Worker = (key: string, signal: AbortSignal, looks: () => void) => Promise<Outcome | undefined>;

/** A deduplicating queue of keys with its workers. */
export interface WorkQueue {
  /** Added while it waits: once. Added while it is worked on, and not looked at since: once more afterwards. */
  add(key: string, priority?: Priority): void;
  /**
   * Adds the key after `milliseconds`; of several deadlines for one key the earliest counts. Work on the key that starts
   * before makes the deadline void: a worker says anew when it wants to be called.
   */
  addAfter(key: string, milliseconds: number): void;
  /** Keys that wait to be worked on now; deadlines in the future do not count. */
  readonly depth: number;
  /** Milliseconds that the longest waiting key has been waiting; 0 where none waits. */
  readonly oldestAge: number;
  /** Keys being worked on. */
  readonly active: number;
  /** Milliseconds that the longest running worker has been running; 0 where none runs. */
  readonly longestWork: number;
  start(): void;
  /** Takes nothing new, waits for running workers up to `grace` milliseconds, then aborts their signal and waits again. */
  stop(grace: number): Promise<void>;
}
