import type { Reader } from './reader.ts';

/** Bytes of an error that are read. */
const longest = 64 * 1024;

/** Takes the sentence out of an error of the Messages API. */
export class ErrorReader implements Reader {
  readonly #said: (message: string) => void;
  #text = '';

  constructor(said: (message: string) => void) {
    this.#said = said;
  }

  push(chunk: Uint8Array): void {
    if (this.#text.length < longest) this.#text += Buffer.from(chunk).toString('latin1');
  }

  end(): void {
    this.#said(messageOf(Buffer.from(this.#text, 'latin1').toString()));
  }
}

function messageOf(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: unknown } };
    if (typeof error?.message === 'string') return error.message.slice(0, 500);
  } catch {
    // Said in another form.
  }
  return 'it gave no reason.';
}
