import { isDeepStrictEqual } from 'node:util';
import type { RuntimeState } from '../../protocol/state.ts';

/** Milliseconds that changes gather before listeners hear of them. `lastActivityAt` and `cursor` alone are told once a second. */
const gather = { change: 30, activity: 1000 };

type Listener = (state: RuntimeState) => void;

/** Tells listeners when the state is another one, at most a few dozen times a second however much happens. */
export class StateBoard {
  readonly #read: () => RuntimeState;
  readonly #listeners = new Set<Listener>();
  #told: RuntimeState | undefined;
  #toldAt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(read: () => RuntimeState) {
    this.#read = read;
  }

  current(): RuntimeState {
    return this.#read();
  }

  /** Something may have changed. */
  touch(): void {
    if (this.#listeners.size > 0) this.#timer ??= setTimeout(() => this.#tell(), gather.change);
  }

  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    this.#told = this.#read();
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#listeners.clear();
  }

  #tell(): void {
    this.#timer = undefined;
    const state = this.#read();
    if (isDeepStrictEqual(state, this.#told)) return;
    const sinceTold = performance.now() - this.#toldAt;
    const { lastActivityAt, cursor } = this.#told ?? state;
    if (sinceTold < gather.activity && isDeepStrictEqual({ ...state, lastActivityAt, cursor }, this.#told)) {
      this.#timer = setTimeout(() => this.#tell(), gather.activity - sinceTold);
      return;
    }
    this.#told = state;
    this.#toldAt = performance.now();
    for (const listener of this.#listeners) listener(state);
  }
}
