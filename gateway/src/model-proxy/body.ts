import type { IncomingMessage } from 'node:http';
import { Refusal } from '../http/refusal.ts';
import { tooLarge } from '../limits/index.ts';

/** A body in memory. Its memory counts as taken until `release` is called. */
export interface HeldBody {
  body: Buffer;
  release: () => void;
}

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
   * Reads a whole body, at most `longest` bytes.
   * @throws Refusal `too_large`, `unavailable`; the signal's reason; what the request fails with.
   */
  async read(request: IncomingMessage, longest: number, signal: AbortSignal): Promise<HeldBody> {
    const declared = Number(request.headers['content-length'] ?? 0);
    let bytes = 0;
    const take = (all: number) => {
      if (all > longest) throw tooLarge(longest);
      const more = Math.max(all - bytes, 0);
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
      return { body: await readAll(request, take, signal), release };
    } catch (error) {
      release();
      throw error;
    }
  }
}

/** All of it, while `take` lets it. An abort leaves the request as it is, so that it can still be answered. */
function readAll(
  request: IncomingMessage,
  take: (bytes: number) => void,
  signal: AbortSignal,
): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let length = 0;
  const data = (chunk: Buffer) => {
    length += chunk.length;
    try {
      take(length);
      chunks.push(chunk);
    } catch (error) {
      reject(error);
    }
  };
  const end = () => resolve(Buffer.concat(chunks));
  const abort = () => reject(signal.reason);
  const close = () => reject(new Refusal('invalid', 'The body broke off.'));
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  request.on('data', data).once('end', end).once('error', reject).once('close', close);
  return promise.finally(() => {
    signal.removeEventListener('abort', abort);
    request.off('data', data).off('end', end).off('close', close).pause();
  });
}
