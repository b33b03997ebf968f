import { Transform, type TransformCallback } from 'node:stream';
import type { Reader } from './reader.ts';

/** Lets bytes through as they are, and shows them to a reader once they are on their way. */
export class Tap extends Transform {
  readonly #reader: Reader | undefined;
  readonly #passed: (bytes: number) => void;

  constructor(reader: Reader | undefined, passed: (bytes: number) => void) {
    super();
    this.#reader = reader;
    this.#passed = passed;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.push(chunk);
    this.#passed(chunk.length);
    this.#reader?.push(chunk);
    done();
  }

  override _flush(done: TransformCallback): void {
    this.#reader?.end();
    done();
  }
}
