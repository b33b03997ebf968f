import { createHash } from 'node:crypto';
import type { z } from 'zod';
import type { readRequest, readResult } from '../../protocol/tools-api.ts';
import { fileFailure, ToolFailure } from '../tool-failure.ts';
import type { Confinement } from './confinement.ts';
import { byteOrderMark, looksBinary, openRegular } from './text.ts';

/** Larger files are not read through: the count of lines and the hash cost 1.3 s a GiB. */
const maxFileBytes = 256 * 1024 * 1024;
/** Bytes of lines returned at once. */
const maxContentBytes = 1024 * 1024;
const lineFeed = 0x0a;

/** Reads lines of a text file as they stand. Memory is bounded by what is returned, not by the file. */
export async function readLines(
  request: z.infer<typeof readRequest>,
  confinement: Confinement,
): Promise<z.infer<typeof readResult>> {
  const path = await confinement.forReading(request.path);
  await using file = await openRegular(path, maxFileBytes);
  const lines = new LineWindow(
    request.offset ?? 0,
    request.limit ?? Number.POSITIVE_INFINITY,
    maxContentBytes,
  );
  const hash = createHash('sha256');
  const buffer = Buffer.alloc(256 * 1024);
  try {
    for (let first = true; ; first = false) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length);
      if (bytesRead === 0) break;
      const chunk = buffer.subarray(0, bytesRead);
      if (first && looksBinary(chunk)) {
        const { size } = await file.stat();
        throw new ToolFailure('invalid', `${path} is a binary file of ${size} bytes: examine it with Bash`);
      }
      hash.update(chunk);
      lines.add(chunk);
    }
  } catch (error) {
    throw fileFailure(error, path);
  }
  const text = lines.text();
  return {
    content: text.startsWith(byteOrderMark) ? text.slice(1) : text,
    totalLines: lines.total,
    truncated: lines.truncated,
    hash: hash.digest('hex'),
  };
}

/** Picks lines `[skip, skip + take)` out of chunks of bytes and counts all lines. */
export class LineWindow {
  readonly #skip: number;
  readonly #end: number;
  readonly #maxBytes: number;
  readonly #kept: Buffer[] = [];
  #bytes = 0;
  /** Line feeds seen. */
  #line = 0;
  #open = false;
  #cut = false;

  constructor(skip: number, take: number, maxBytes: number) {
    this.#skip = skip;
    this.#end = skip + take;
    this.#maxBytes = maxBytes;
  }

  /** Lines in all; one without an end counts. */
  get total(): number {
    return this.#line + (this.#open ? 1 : 0);
  }

  /** Something follows what was kept, or a kept line was cut. */
  get truncated(): boolean {
    return this.#cut || this.total > this.#end;
  }

  add(chunk: Buffer): void {
    let from = 0;
    let wantedFrom = this.#wanted() ? 0 : -1;
    for (let at = chunk.indexOf(lineFeed); at >= 0; at = chunk.indexOf(lineFeed, from)) {
      from = at + 1;
      this.#line += 1;
      if (wantedFrom >= 0 && !this.#wanted()) {
        this.#keep(chunk.subarray(wantedFrom, from));
        wantedFrom = -1;
      } else if (wantedFrom < 0 && this.#wanted()) {
        wantedFrom = from;
      }
    }
    if (wantedFrom >= 0) this.#keep(chunk.subarray(wantedFrom));
    this.#open = from < chunk.length;
  }

  text(): string {
    const bytes = Buffer.concat(this.#kept);
    if (!this.#cut) return bytes.toString('utf8');
    // Cut at the last whole line, unless one line alone is longer than what fits.
    const end = bytes.lastIndexOf(lineFeed);
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(
      end < 0 ? bytes : bytes.subarray(0, end + 1),
      {
        stream: true,
      },
    );
  }

  #wanted(): boolean {
    return this.#line >= this.#skip && this.#line < this.#end;
  }

  #keep(part: Buffer): void {
    const room = this.#maxBytes - this.#bytes;
    if (part.length > room) this.#cut = true;
    if (room <= 0 || part.length === 0) return;
    // The chunk's memory is used again for the next read.
    const kept = Buffer.from(part.subarray(0, room));
    this.#kept.push(kept);
    this.#bytes += kept.length;
  }
}
