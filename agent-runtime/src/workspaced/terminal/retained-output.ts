/**
 * The last output of a terminal, at most so many bytes, so that who attaches sees what the screen shows. Where the
 * beginning was dropped it begins after a line's end if it can: half a character or escape sequence would spoil the screen.
 */
export class RetainedOutput {
  readonly #limit: number;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #dropped = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes that are held. */
  get bytes(): number {
    return this.#bytes;
  }

  append(bytes: Buffer): void {
    // A copy: what was read may be a small part of a large buffer.
    this.#chunks.push(Buffer.from(bytes));
    this.#bytes += bytes.length;
  }

  /** Drops what is too much, in whole chunks: less than one more than the limit stays. */
  trim(): void {
    let first = this.#chunks[0];
    while (first !== undefined && this.#bytes - first.length >= this.#limit) {
      this.#chunks.shift();
      this.#bytes -= first.length;
      this.#dropped = true;
      first = this.#chunks[0];
    }
  }

  /** What is held; of what was trimmed, the last bytes up to the limit. */
  read(): Buffer {
    const all = Buffer.concat(this.#chunks);
    if (!this.#dropped) return all;
    const last = all.subarray(Math.max(0, all.length - this.#limit));
    return last.subarray(last.indexOf('\n') + 1);
  }
}
