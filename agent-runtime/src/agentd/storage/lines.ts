import { open } from 'node:fs/promises';

const newline = 10;

/**
 * The lines of a file from the byte `from` up to `to`, without their newlines. Only the byte 10 ends a line: U+2028, which JSON
 * leaves as it is and `node:readline` takes for an end, does not.
 */
export async function* readLines(path: string, to: number, from = 0): AsyncGenerator<string> {
  if (to <= from) return;
  const handle = await open(path, 'r');
  try {
    let rest = Buffer.alloc(0);
    const chunk = Buffer.alloc(256 * 1024);
    for (let at = from; at < to; ) {
      const { bytesRead } = await handle.read(chunk, 0, Math.min(chunk.length, to - at), at);
      if (bytesRead === 0) break;
      at += bytesRead;
      const bytes = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
      const end = bytes.lastIndexOf(newline) + 1;
      for (const line of bytes.subarray(0, end).toString('utf8').split('\n')) if (line !== '') yield line;
      rest = Buffer.from(bytes.subarray(end));
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
