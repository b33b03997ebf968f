import { StringDecoder } from 'node:string_decoder';
import type { CappedFile } from './capped-file.ts';
import { cutAt } from './utf8.ts';

export type OutputStream = 'stdout' | 'stderr';
export interface OutputPiece {
  stream: OutputStream;
  text: string;
}

/** In UTF-16 units: what streams at once, and what is kept of the end. Together they are what is shown without a file. */
export interface PreviewLimits {
  head: number;
  tail: number;
}

/** 30,000 characters is what Claude Code shows of a command before it refers to a file. */
export const previewLimits: PreviewLimits = { head: 20_000, tail: 10_000 };

/**
 * Shows a command's output to its caller: all of it while it is short; of a long one the beginning as it comes and the end when
 * it is over, with the whole in a file. Memory stays bounded whatever the command prints.
 */
export class PreviewedOutput {
  readonly #show: (piece: OutputPiece) => Promise<void>;
  readonly #openFile: () => Promise<CappedFile>;
  readonly #limits: PreviewLimits;
  readonly #decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') };
  #queue: Promise<void> = Promise.resolve();
  /** Every byte until the output proves to be long. */
  #unsaved: Buffer[] = [];
  #file: CappedFile | undefined;
  #characters = 0;
  #tail: OutputPiece[] = [];
  #tailLength = 0;
  #bytes = 0;

  constructor(
    show: (piece: OutputPiece) => Promise<void>,
    openFile: () => Promise<CappedFile>,
    limits: PreviewLimits = previewLimits,
  ) {
    this.#show = show;
    this.#openFile = openFile;
    this.#limits = limits;
  }

  /** Bytes the command has printed. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Resolves when the chunk has been shown or stored: the caller reads the next one only then. */
  accept(stream: OutputStream, chunk: Buffer): Promise<void> {
    this.#queue = this.#queue.then(async () => {
      this.#bytes += chunk.length;
      const text = this.#decoders[stream].write(chunk);
      this.#characters += text.length;
      await this.#store(chunk);
      await this.#preview(stream, text, this.#characters - text.length);
    });
    return this.#queue;
  }

  /** Shows the end. Returns the file that holds the whole output, where it did not fit. */
  async finish(): Promise<string | undefined> {
    await this.#queue;
    for (const stream of ['stdout', 'stderr'] as const) {
      const text = this.#decoders[stream].end();
      this.#characters += text.length;
      await this.#preview(stream, text, this.#characters - text.length);
    }
    const file = this.#file;
    if (file) {
      const omitted = this.#characters - this.#limits.head - this.#tailLength;
      const text = `\n\n[… ${omitted} characters left out; the whole output is in ${file.path} …]\n\n`;
      await this.#show({ stream: 'stdout', text });
    }
    for (const piece of this.#tail) await this.#show(piece);
    await this.close();
    return file?.path;
  }

  /** Closes the file, also of a command whose caller has gone. */
  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #store(chunk: Buffer): Promise<void> {
    if (this.#file) return this.#file.append(chunk);
    this.#unsaved.push(chunk);
    if (this.#characters <= this.#limits.head + this.#limits.tail) return;
    this.#file = await this.#openFile();
    for (const earlier of this.#unsaved) await this.#file.append(earlier);
    this.#unsaved = [];
  }

  async #preview(stream: OutputStream, text: string, before: number): Promise<void> {
    const [head, rest] = cutAt(text, Math.max(0, this.#limits.head - before));
    if (head) await this.#show({ stream, text: head });
    if (rest) this.#keepTail(stream, rest);
  }

  #keepTail(stream: OutputStream, text: string): void {
    const last = this.#tail.at(-1);
    if (last?.stream === stream) last.text += text;
    else this.#tail.push({ stream, text });
    this.#tailLength += text.length;
    if (!this.#file) return;
    while (this.#tailLength > this.#limits.tail) {
      const first = this.#tail[0];
      if (!first) return;
      const kept = afterCut(first.text, this.#tailLength - this.#limits.tail);
      this.#tailLength -= first.text.length - kept.length;
      if (kept) first.text = kept;
      else this.#tail.shift();
    }
  }
}

/** The text without its first `length` units; a surrogate pair that the cut would split goes as a whole. */
function afterCut(text: string, length: number): string {
  if (text.length <= length) return '';
  const [head, rest] = cutAt(text, length);
  return head.length < length ? rest.slice(2) : rest;
}
