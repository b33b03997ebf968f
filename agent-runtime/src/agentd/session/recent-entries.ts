import type { TranscriptEntry } from './entry.ts';

/** Bytes of a transcript whose entries are kept: more than fit into a model's window, unless there are images. */
const mostBytes = 1024 * 1024;

/** An entry, and the byte of the transcript that it begins at. */
export interface PlacedEntry {
  entry: TranscriptEntry;
  offset: number;
}

/**
 * The end of a transcript as the last turn read it, so that the next one need not: reading and checking 1,000 entries takes some
 * 20 ms. It is given up when the agent rests.
 */
export class RecentEntries {
  #from = 0;
  #to = 0;
  /** Undefined: nothing is kept. */
  #entries: PlacedEntry[] | undefined;

  /** The entries from a byte on; undefined where these are not kept. */
  since(from: number): TranscriptEntry[] | undefined {
    if (this.#entries === undefined || this.#from > from) return undefined;
    const first = this.#entries.findIndex(({ offset }) => offset >= from);
    return first === -1 ? [] : this.#entries.slice(first).map(({ entry }) => entry);
  }

  /** Keeps what was read from `from` up to `to`, the end of the transcript. */
  keep(entries: readonly PlacedEntry[], from: number, to: number): void {
    const fits = to - from <= mostBytes;
    this.#entries = fits ? [...entries] : undefined;
    this.#from = from;
    this.#to = to;
  }

  /** Keeps what has become the end of the transcript. */
  add(entry: TranscriptEntry, offset: number): void {
    // What was just read may be told of after it.
    if (this.#entries === undefined || offset < this.#to) return;
    if (offset - this.#from > mostBytes) this.forget();
    else this.#entries.push({ entry, offset });
  }

  /** Lets go of what the model does not see any more. */
  startAt(from: number): void {
    if (this.#entries === undefined || from <= this.#from) return;
    this.#entries = this.#entries.filter(({ offset }) => offset >= from);
    this.#from = from;
  }

  forget(): void {
    this.#entries = undefined;
  }
}
