import { Transform, type TransformCallback } from 'node:stream';
import { Refusal } from '../http/refusal.ts';

/** Lets bytes through, counts them, and fails where there are more than `limit`. */
export class Meter extends Transform {
  readonly #limit: number;
  readonly #passed: (bytes: number) => void;
  #bytes = 0;

  /** @param limit bytes; `Infinity` for none */
  constructor(limit: number, passed: (bytes: number) => void) {
    super();
    this.#limit = limit;
    this.#passed = passed;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#limit) {
      done(tooLarge(this.#limit));
      return;
    }
    this.#passed(chunk.length);
    done(null, chunk);
  }
}

export function tooLarge(limit: number): Refusal {
  return new Refusal('too_large', `The body is larger than ${limit} bytes.`);
}
