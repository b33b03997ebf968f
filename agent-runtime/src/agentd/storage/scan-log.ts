import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { openRegular } from '../../regular-file/regular-file.ts';
import { parseObject } from './lines.ts';

/** What reading a log from its start found. */
export interface LogScan {
  length: number;
  hash: Hash;
  /** Bytes after the last newline: an append that a crash cut short. They have been cut off the file. */
  torn: number;
  /** Whole lines that are no JSON object, or longer than any that is written; they stay in the file and are passed over. */
  unreadable: number;
  /** SHA-256, in hex, of the first N bytes, for each N asked for that the file reaches. */
  digests: Map<number, string>;
}

const newline = 10;
const chunkBytes = 1024 * 1024;
/** Bytes of a log. None grows to that: a session's conversation would long not fit into memory any more. A file with holes may say so. */
export const largestLog = 4 * 1024 ** 3;
/** Bytes of a line that is looked at. The largest that are written are answers with files in them, some MB. */
const longest = 64 * 1024 * 1024;

/**
 * Reads a log once: each whole line goes parsed to `onRecord`, with the byte that it begins at, the bytes into the running hash, and a
 * torn last line is removed. Undefined when there is no such file. 100 MB take about 0.6 s, most of it JSON.parse.
 */
export async function scanLog(
  path: string,
  onRecord: (record: unknown, offset: number) => void,
  marks: readonly number[] = [],
): Promise<LogScan | undefined> {
  const handle = await openRegular(path, constants.O_RDWR).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (handle === undefined) return undefined;
  try {
    const pendingMarks = [...new Set(marks)].sort((a, b) => a - b);
    const scan: LogScan = {
      length: 0,
      hash: createHash('sha256'),
      torn: 0,
      unreadable: 0,
      digests: new Map(),
    };
    const begun = new BegunLine();
    const chunk = Buffer.alloc(chunkBytes);
    for (;;) {
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, scan.length + begun.length);
      if (bytesRead === 0) break;
      const bytes = chunk.subarray(0, bytesRead);
      const end = bytes.lastIndexOf(newline) + 1;
      if (end > 0) {
        const from = begun.skipped === undefined ? 0 : bytes.indexOf(newline) + 1;
        if (begun.skipped !== undefined) passOver(scan, begun, bytes.subarray(0, from), pendingMarks);
        const lines = bytes.subarray(from, end);
        // Only the line that the chunk before began is copied: copying all of it took 7 % of the time.
        const first = begun.parts.length === 0 ? 0 : lines.indexOf(newline) + 1;
        const whole = Buffer.concat([...begun.parts, lines.subarray(0, first)]);
        begun.clear();
        for (const part of [whole, lines.subarray(first)]) {
          hashWithMarks(scan, part, pendingMarks);
          parseLines(part, onRecord, scan);
          scan.length += part.length;
        }
      }
      begun.add(bytes.subarray(end), scan.hash);
    }
    if (begun.length > 0) {
      scan.torn = begun.length;
      await handle.truncate(scan.length);
      await handle.sync();
    }
    return scan;
  } finally {
    await handle.close();
  }
}

/** The line that has no end yet. One that grows beyond `longest` is not kept, only hashed. */
class BegunLine {
  parts: Buffer[] = [];
  length = 0;
  /** Over everything up to here, where it is not kept. */
  skipped: Hash | undefined;

  add(bytes: Buffer, before: Hash): void {
    this.length += bytes.length;
    if (this.skipped === undefined) this.parts.push(Buffer.from(bytes));
    else this.skipped.update(bytes);
    if (this.skipped !== undefined || this.length <= longest) return;
    this.skipped = before.copy();
    for (const part of this.parts) this.skipped.update(part);
    this.parts = [];
  }

  clear(): void {
    this.parts = [];
    this.length = 0;
    this.skipped = undefined;
  }
}

/** Counts a line that was too long to be kept, of which `rest` is the end. A checkpoint ends with a line, never inside of one. */
function passOver(scan: LogScan, begun: BegunLine, rest: Buffer, marks: number[]): void {
  scan.hash = begun.skipped?.update(rest) ?? scan.hash;
  scan.length += begun.length + rest.length;
  scan.unreadable += 1;
  while (marks[0] !== undefined && marks[0] < scan.length) marks.shift();
  begun.clear();
}

/** Feeds whole lines into the hash, stopping at each mark for the digest of the prefix that ends there. */
function hashWithMarks(scan: LogScan, bytes: Buffer, marks: number[]): void {
  let from = 0;
  for (let mark = marks[0]; mark !== undefined && mark <= scan.length + bytes.length; mark = marks[0]) {
    marks.shift();
    const upTo = mark - scan.length;
    scan.hash.update(bytes.subarray(from, upTo));
    from = upTo;
    scan.digests.set(mark, scan.hash.copy().digest('hex'));
  }
  scan.hash.update(bytes.subarray(from));
}

function parseLines(bytes: Buffer, onRecord: (record: unknown, offset: number) => void, scan: LogScan): void {
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf(newline, from);
    if (end > from) {
      const record = parseObject(bytes.toString('utf8', from, end));
      if (record !== undefined) onRecord(record, scan.length + from);
      else scan.unreadable += 1;
    }
    from = end + 1;
  }
}
