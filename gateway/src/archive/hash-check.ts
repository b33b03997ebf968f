import { createHash } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';
import { Refusal } from '../http/refusal.ts';

/**
 * Lets bytes through, the last of them only when all together have the SHA-256 that was announced: what has another is never complete
 * where it goes. (Buckets check it too, by the header that it is signed with; not every server does.)
 */
export class HashCheck extends Transform {
  readonly #wanted: string;
  readonly #hash = createHash('sha256');
  #held: Buffer | undefined;

  /** @param wanted in hex */
  constructor(wanted: string) {
    super();
    this.#wanted = wanted;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#hash.update(chunk);
    const before = this.#held;
    this.#held = chunk;
    done(null, before);
  }

  override _flush(done: TransformCallback): void {
    if (this.#hash.digest('hex') === this.#wanted) done(null, this.#held);
    else done(new Refusal('invalid', 'The file is not what its name says: its SHA-256 is another.'));
  }
}
