/** Which messages count: every one, or those that are binary. A terminal's text messages are its size. */
export type Typed = 'all' | 'binary';

/** Of RFC 6455, section 5.2. Opcodes of 8 and above are control frames. */
const opcodes = { continuation: 0, binary: 2, control: 8 } as const;

/**
 * Counts the data frames of one direction of a WebSocket (RFC 6455) as their bytes pass. Pings and pongs keep a connection
 * alive, and are no sign that somebody is there: browsers answer pings by themselves.
 */
export class DataFrames {
  readonly #typed: Typed;
  /** Whether the message counts that a continuation would continue. */
  #counts = false;
  #header: number[] = [];
  /** Bytes of a frame's mask and payload that are still to come. */
  #left = 0;

  constructor(typed: Typed) {
    this.#typed = typed;
  }

  /** How many data frames that count begin in these bytes. */
  push(chunk: Uint8Array): number {
    let begun = 0;
    let at = 0;
    while (at < chunk.length) {
      if (this.#left > 0) {
        const skipped = Math.min(this.#left, chunk.length - at);
        this.#left -= skipped;
        at += skipped;
        continue;
      }
      this.#header.push(chunk[at] as number);
      at += 1;
      const left = leftAfter(this.#header);
      if (left === undefined) continue;
      if (this.#isTyped((this.#header[0] ?? 0) & 0x0f)) begun += 1;
      this.#header = [];
      this.#left = left;
    }
    return begun;
  }

  #isTyped(opcode: number): boolean {
    if (opcode >= opcodes.control) return false;
    if (opcode !== opcodes.continuation) this.#counts = this.#typed === 'all' || opcode === opcodes.binary;
    return this.#counts;
  }
}

/** Bytes of mask and payload that follow a frame's first bytes; undefined where more of those are needed. */
function leftAfter(header: readonly number[]): number | undefined {
  const [, second] = header;
  if (second === undefined) return undefined;
  const mask = (second & 0x80) === 0 ? 0 : 4;
  const length = second & 0x7f;
  if (length < 126) return mask + length;
  const size = length === 126 ? 2 : 8;
  if (header.length < 2 + size) return undefined;
  return mask + header.slice(2).reduce((sum, byte) => sum * 256 + byte, 0);
}
