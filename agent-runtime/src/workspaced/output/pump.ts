import type { Readable } from 'node:stream';
import { systemErrorCode } from '../tool-failure.ts';

/** What a stream may still deliver after its process ended, and how long it may be silent, before it is let go. */
const afterEnd = { bytes: 1024 * 1024, silenceMs: 200 };

/**
 * Moves a process's output to where it is wanted, never faster than it is taken there. Normally it ends with the stream.
 * A process that left the session keeps the pipe open, though, and must not hold up the command that started it.
 */
export class Pump {
  readonly #stream: Readable;
  readonly #done: Promise<void>;
  #failure: unknown;
  #taking = false;
  #ended = false;
  #bytesAfterEnd = 0;
  #silence: NodeJS.Timeout | undefined;

  constructor(stream: Readable, take: (chunk: Buffer) => Promise<void>) {
    this.#stream = stream;
    this.#done = this.#run(take);
  }

  /**
   * The process has ended: resolves when what its pipe still held has been moved. Rejects with what `take` threw; the
   * stream was closed then, so that the process could not wait for a reader for ever.
   */
  async processEnded(): Promise<void> {
    this.#ended = true;
    this.#watchSilence();
    await this.#done;
    clearTimeout(this.#silence);
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #run(take: (chunk: Buffer) => Promise<void>): Promise<void> {
    try {
      for await (const chunk of this.#stream) {
        this.#taking = true;
        await take(chunk);
        this.#taking = false;
        if (!this.#ended) continue;
        this.#bytesAfterEnd += chunk.length;
        if (this.#bytesAfterEnd > afterEnd.bytes) return;
        this.#watchSilence();
      }
    } catch (error) {
      // Destroyed by the timer below: whoever still holds the pipe is not part of the command.
      if (systemErrorCode(error) !== 'ERR_STREAM_PREMATURE_CLOSE') this.#failure = error;
    } finally {
      clearTimeout(this.#silence);
      this.#stream.destroy();
    }
  }

  #watchSilence(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      if (this.#taking) this.#watchSilence();
      else this.#stream.destroy();
    }, afterEnd.silenceMs);
  }
}
