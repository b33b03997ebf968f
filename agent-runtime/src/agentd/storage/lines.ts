import { open } from 'node:fs/promises';

const newline = 10;

/** A line without its newline, and the byte of the file that it begins at. */
export interface Line {
  line: string;
  offset: number;
}

/**
 * The lines of a file from the byte `from` up to `to`. Only the byte 10 ends a line: U+2028, which JSON leaves as it is and
 * `node:readline` takes for an end, does not.
 */
export async function* readLines(path: string, to: number, from = 0): AsyncGenerator<Line> {
  if (to <= from) return;
  const handle = await open(path, 'r');
  try {
    let rest = Buffer.alloc(0);
    const chunk = Buffer.alloc(256 * 1024);
    for (let at = from; at < to; ) {
      const { bytesRead } = await handle.read(chunk, 0, Math.min(chunk.length, to - at), at);
      if (bytesRead === 0) break;
      const bytes = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
      const begin = at - rest.length;
      at += bytesRead;
      let done = 0;
      for (let end = bytes.indexOf(newline); end !== -1; end = bytes.indexOf(newline, done)) {
        if (end > done) yield { line: bytes.toString('utf8', done, end), offset: begin + done };
        done = end + 1;
      }
      rest = Buffer.from(bytes.subarray(done));
    }
  } finally {
    await handle.close();
  }
}

/** The object that a line holds; undefined when it holds none. */
export function parseObject(line: string): object | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
