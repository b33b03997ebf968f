import type { Reader } from './reader.ts';
import type { SeenUsage } from './seen-usage.ts';

/** Bytes of an answer that are kept to be read. */
const longest = 8 << 20;

/** Counts the tokens of an answer that is one JSON document. */
export class MessageReader implements Reader {
  readonly #seen: SeenUsage;
  #chunks: Uint8Array[] = [];
  #bytes = 0;

  constructor(seen: SeenUsage) {
    this.#seen = seen;
  }

  push(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    this.#seen.wrote(chunk.length);
    if (this.#bytes <= longest) this.#chunks.push(Uint8Array.from(chunk));
    else this.#chunks = [];
  }

  end(): void {
    if (this.#bytes > longest) return;
    try {
      const { usage } = JSON.parse(Buffer.concat(this.#chunks).toString()) as { usage?: unknown };
      this.#seen.report(usage, true);
    } catch {
      // Cut, or no JSON: what was seen is estimated.
    }
  }
}
