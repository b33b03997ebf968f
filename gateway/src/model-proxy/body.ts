import type { IncomingMessage } from 'node:http';
import { Refusal } from '../http/refusal.ts';
import { tooLarge } from '../limits/index.ts';

/** Bodies that are in memory at the same time: they are kept until the call is over, for the next provider in line. */
export class BodyMemory {
  readonly #limit: number;
  #taken = 0;

  /** @param limit bytes of all bodies */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get taken(): number {
    return this.#taken;
  }

  /**
   * Reads a whole body. Its memory counts as taken until `release` is called.
   * @throws Refusal `too_large`, `unavailable`; what the request fails with.
   */
  async read(request: IncomingMessage, longest: number): Promise<{ body: Buffer; release: () => void }> {
    const declared = Number(request.headers['content-length'] ?? 0);
    if (declared > longest) throw tooLarge(longest);
    let bytes = 0;
    const take = (more: number) => {
      if (this.#taken + more > this.#limit)
        throw new Refusal('unavailable', 'The gateway holds as many requests as it has memory for.', {
          'retry-after': '2',
        });
      bytes += more;
      this.#taken += more;
    };
    const release = () => {
      this.#taken -= bytes;
      bytes = 0;
    };
    try {
      // Before anything comes: what will not fit is refused at once.
      take(declared);
      const chunks: Buffer[] = [];
      let length = 0;
      for await (const chunk of request as AsyncIterable<Buffer>) {
        length += chunk.length;
        if (length > longest) throw tooLarge(longest);
        if (length > bytes) take(length - bytes);
        chunks.push(chunk);
      }
      return { body: Buffer.concat(chunks), release };
    } catch (error) {
      release();
      throw error;
    }
  }
}
