import type { Reader } from './reader.ts';
import type { SeenUsage } from './seen-usage.ts';

const lineFeed = 10;
const carriageReturn = 13;
/** Bytes of one line; of a longer one only the length counts. */
const longestLine = 1 << 20;

/** Counts the tokens of a stream of server-sent events, wherever its chunks are cut. Only whole events count. */
export class EventReader implements Reader {
  readonly #seen: SeenUsage;
  #line: Uint8Array[] = [];
  #lineBytes = 0;
  #data: string[] = [];
  #afterReturn = false;

  constructor(seen: SeenUsage) {
    this.#seen = seen;
  }

  push(chunk: Uint8Array): void {
    let start = 0;
    for (let index = 0; index < chunk.length; index += 1) {
      const byte = chunk[index];
      if (byte !== lineFeed && byte !== carriageReturn) continue;
      // CR LF ends one line.
      const second =
        byte === lineFeed &&
        index === start &&
        (index > 0 ? chunk[index - 1] === carriageReturn : this.#afterReturn);
      if (!second) {
        this.#keep(chunk.subarray(start, index));
        this.#endLine();
      }
      start = index + 1;
    }
    if (chunk.length > 0) this.#afterReturn = chunk[chunk.length - 1] === carriageReturn;
    this.#keep(chunk.subarray(start));
  }

  /** An event that is not closed by an empty line is none. */
  end(): void {
    this.#data = [];
  }

  #keep(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#lineBytes += bytes.length;
    // The chunk goes on to the client and is not ours to keep.
    if (this.#lineBytes <= longestLine) this.#line.push(Uint8Array.from(bytes));
    else this.#line = [];
  }

  #endLine(): void {
    const bytes = this.#lineBytes;
    const text = bytes > longestLine ? '' : Buffer.concat(this.#line).toString();
    this.#line = [];
    this.#lineBytes = 0;
    if (bytes > longestLine) this.#seen.wrote(bytes);
    else if (bytes === 0) this.#dispatch();
    else if (text.startsWith('data:')) this.#data.push(text.slice('data:'.length));
  }

  #dispatch(): void {
    if (this.#data.length === 0) return;
    const text = this.#data.join('\n');
    this.#data = [];
    readEvent(text, this.#seen);
  }
}

interface Event {
  type?: unknown;
  message?: { usage?: unknown } | null;
  usage?: unknown;
  delta?: Record<string, unknown> | null;
  content_block?: object | null;
}

/** Members of a delta that are no text of the model: a signature is longer than what it signs is worth. */
const notWritten = new Set(['type', 'signature']);

function readEvent(text: string, seen: SeenUsage): void {
  const event = parse(text);
  if (event?.type === 'message_start') seen.report(event.message?.usage, false);
  else if (event?.type === 'message_delta') seen.report(event.usage, true);
  else if (event?.type === 'content_block_start')
    seen.wrote(Buffer.byteLength(JSON.stringify(event.content_block ?? {})));
  else if (event?.type === 'content_block_delta')
    for (const [name, value] of Object.entries(event.delta ?? {}))
      if (typeof value === 'string' && !notWritten.has(name)) seen.wrote(Buffer.byteLength(value));
}

function parse(text: string): Event | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
