import type { Priority } from './work-queue.ts';

/** Live keys taken in a row before one of the others is: a storm of news must not hold up the rest forever. */
const fairness = 16;

/** Keys in the order they came, each once; live ones first. */
export class Waiting {
  readonly #live = new Line();
  readonly #initial = new Line();
  #streak = 0;

  get size(): number {
    return this.#live.size + this.#initial.size;
  }

  /** When the longest waiting key came, or undefined. */
  get oldest(): number | undefined {
    const [live, initial] = [this.#live.oldest, this.#initial.oldest];
    return live === undefined ? initial : initial === undefined ? live : Math.min(live, initial);
  }

  /** A key that waits already keeps its age and, unless it turns live, its place. */
  add(key: string, priority: Priority, now: number): void {
    if (this.#live.since(key) !== undefined) return;
    const since = this.#initial.since(key);
    if (priority === 'initial') {
      if (since === undefined) this.#initial.push(key, now);
      return;
    }
    this.#initial.delete(key);
    this.#live.push(key, since ?? now);
  }

  /** The next key with the time it came. */
  take(): { key: string; since: number } | undefined {
    const others = this.#streak >= fairness && this.#initial.size > 0;
    const fromLive = this.#live.size > 0 && !others;
    this.#streak = fromLive ? this.#streak + 1 : 0;
    return fromLive ? this.#live.shift() : this.#initial.shift();
  }
}

/**
 * A queue that can lose members in its middle. One iterator over a `Map` is kept and continued: a new one for each key
 * would step over all that was deleted at the front.
 */
class Line {
  readonly #since = new Map<string, number>();
  #iterator: MapIterator<[string, number]> | undefined;

  get size(): number {
    return this.#since.size;
  }

  /** Ages grow towards the front but for keys that turned live, whose age is older; near enough for a gauge. */
  get oldest(): number | undefined {
    return this.#since.values().next().value;
  }

  since(key: string): number | undefined {
    return this.#since.get(key);
  }

  push(key: string, since: number): void {
    this.#since.set(key, since);
  }

  delete(key: string): void {
    this.#since.delete(key);
  }

  shift(): { key: string; since: number } | undefined {
    this.#iterator ??= this.#since.entries();
    let step = this.#iterator.next();
    if (step.done) {
      // An iterator that ended stays ended, whatever was added since.
      this.#iterator = this.#since.entries();
      step = this.#iterator.next();
    }
    if (step.done) return undefined;
    const [key, since] = step.value;
    this.#since.delete(key);
    return { key, since };
  }
}
