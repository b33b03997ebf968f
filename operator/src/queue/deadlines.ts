interface Entry {
  key: string;
  at: number;
}

/**
 * Deadlines by key, earliest first: a binary heap that knows where each key sits, so that moving one costs as little as
 * adding it. One of these and one timer serve all workspaces; 10,000 timers would cost 2 MB and a scan when one fires.
 */
export class Deadlines {
  readonly #heap: Entry[] = [];
  readonly #positions = new Map<string, number>();

  get size(): number {
    return this.#heap.length;
  }

  /** The earliest instant, or undefined. */
  get next(): number | undefined {
    return this.#heap[0]?.at;
  }

  /** Sets the deadline, unless the key has an earlier one. */
  add(key: string, at: number): void {
    const position = this.#positions.get(key);
    const existing = position === undefined ? undefined : this.#heap[position];
    if (position === undefined || existing === undefined) {
      this.#heap.push({ key, at });
      this.#up(this.#heap.length - 1);
    } else if (at < existing.at) {
      existing.at = at;
      this.#up(position);
    }
  }

  delete(key: string): void {
    const position = this.#positions.get(key);
    if (position === undefined) return;
    this.#positions.delete(key);
    const last = this.#heap.pop();
    if (last === undefined || last.key === key) return;
    this.#heap[position] = last;
    this.#positions.set(last.key, position);
    this.#down(position);
    this.#up(this.#positions.get(last.key) ?? position);
  }

  /** Removes and returns the key with the earliest deadline, where that is not after `now`. */
  take(now: number): string | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.at > now) return undefined;
    this.delete(first.key);
    return first.key;
  }

  #up(from: number): void {
    let position = from;
    const entry = this.#heap[position] as Entry;
    while (position > 0) {
      const parent = (position - 1) >> 1;
      const above = this.#heap[parent] as Entry;
      if (above.at <= entry.at) break;
      this.#place(above, position);
      position = parent;
    }
    this.#place(entry, position);
  }

  #down(from: number): void {
    let position = from;
    const entry = this.#heap[position] as Entry;
    for (;;) {
      let child = 2 * position + 1;
      if (child >= this.#heap.length) break;
      const right = child + 1;
      if (right < this.#heap.length && (this.#heap[right] as Entry).at < (this.#heap[child] as Entry).at)
        child = right;
      const below = this.#heap[child] as Entry;
      if (below.at >= entry.at) break;
      this.#place(below, position);
      position = child;
    }
    this.#place(entry, position);
  }

  #place(entry: Entry, position: number): void {
    this.#heap[position] = entry;
    this.#positions.set(entry.key, position);
  }
}
