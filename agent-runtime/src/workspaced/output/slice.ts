import { open } from 'node:fs/promises';
import { wholeCharacters } from './utf8.ts';

export interface OutputSlice {
  text: string;
  nextOffset: number;
  end: boolean;
}

/**
 * The text in `[offset, offset + limit)` of a file, cut at a whole character, so that slices put together give the file.
 * `growing` says that more may be appended: then a character cut at the end of the file is left for the next slice.
 */
export async function readSlice(
  path: string,
  offset: number,
  limit: number,
  growing: boolean,
  /** Cut after a line: nothing of one that is still being written, unless it is longer than `limit`. */
  lines = false,
): Promise<OutputSlice> {
  await using file = await open(path, 'r');
  const { size } = await file.stat();
  // Room for one whole character, so that each slice makes progress.
  const buffer = Buffer.alloc(Math.max(4, Math.min(limit, Math.max(0, size - offset))));
  const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
  const last = offset + bytesRead >= size && !growing;
  const bytes = buffer.subarray(0, bytesRead);
  const line = lines && !last ? bytes.lastIndexOf(0x0a) + 1 : 0;
  const partial = lines && line === 0 && bytesRead < limit;
  const whole = last ? bytes : bytes.subarray(0, partial ? 0 : line || wholeCharacters(bytes));
  return { text: whole.toString('utf8'), nextOffset: offset + whole.length, end: last };
}
