/**
 * Counts the data frames of one direction of a WebSocket (RFC 6455) as their bytes pass. Pings and pongs keep a connection
 * alive, and are no sign that somebody is there: browsers answer pings by themselves.
 */
export class DataFrames {
  #header: number[] = [];
  /** Bytes of a frame's mask and payload that are still to come. */
  #left = 0;

  /** How many data frames begin in these bytes. */
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
      // Opcodes of 8 and above are control frames.
      if (((this.#header[0] ?? 0) & 0x0f) < 8) begun += 1;
      this.#header = [];
      this.#left = left;
    }
    return begun;
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
