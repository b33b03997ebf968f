import { createHash, type Hash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { parseObject } from './lines.ts';

/** What reading a log from its start found. */
export interface LogScan {
  length: number;
  hash: Hash;
  /** Bytes after the last newline: an append that a crash cut short. They have been cut off the file. */
  torn: number;
  /** Whole lines that are no JSON object; they stay in the file and are passed over. */
  unreadable: number;
  /** SHA-256, in hex, of the first N bytes, for each N asked for that the file reaches. */
  digests: Map<number, string>;
}

const newline = 10;
const chunkBytes = 1024 * 1024;

/**
 * Reads a log once: each whole line goes parsed to `onRecord`, with the byte that it begins at, the bytes into the running hash, and a
 * torn last line is removed. Undefined when there is no such file. 100 MB take about 0.6 s, most of it JSON.parse.
 */
export async function scanLog(
  path: string,
  onRecord: (record: unknown, offset: number) => void,
  marks: readonly number[] = [],
): Promise<LogScan | undefined> {
  const handle = await open(path, 'r+').catch((error: NodeJS.ErrnoException) => {
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
    let rest = Buffer.alloc(0);
    const chunk = Buffer.alloc(chunkBytes);
    for (;;) {
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, scan.length + rest.length);
      if (bytesRead === 0) break;
      const bytes = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
      const end = bytes.lastIndexOf(newline) + 1;
      const whole = bytes.subarray(0, end);
      hashWithMarks(scan, whole, pendingMarks);
      parseLines(whole, onRecord, scan);
      scan.length += end;
      rest = Buffer.from(bytes.subarray(end));
    }
    if (rest.length > 0) {
      scan.torn = rest.length;
      await handle.truncate(scan.length);
      await handle.sync();
    }
    return scan;
  } finally {
    await handle.close();
  }
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
  let offset = scan.length;
  for (const line of bytes.toString('utf8').split('\n')) {
    const record = line === '' ? undefined : parseObject(line);
    if (record !== undefined) onRecord(record, offset);
    else if (line !== '') scan.unreadable += 1;
    offset += Buffer.byteLength(line) + 1;
  }
}
