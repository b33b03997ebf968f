import type { z } from 'zod';
import type { editRequest, editResult } from '../../protocol/tools-api.ts';
import { fileFailure } from '../tool-failure.ts';
import { writeDurably } from './atomic-write.ts';
import type { Confinement } from './confinement.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { replaceExactly } from './replace.ts';
import { decodeText, openRegular, sha256 } from './text.ts';
import { checkUnchanged } from './write.ts';

const maxFileBytes = 16 * 1024 * 1024;
/** Lines shown before and after an edit, and of a long edit itself. */
const snippetContext = 4;
const snippetLines = 40;

/** Replaces text in a file and shows the lines around the first replacement, numbered from 1. */
export async function editFile(
  request: z.infer<typeof editRequest>,
  confinement: Confinement,
): Promise<z.infer<typeof editResult>> {
  const path = await confinement.forWriting(request.path);
  return oneAtATime(path, () => editInPlace(path, request));
}

async function editInPlace(
  path: string,
  request: z.infer<typeof editRequest>,
): Promise<z.infer<typeof editResult>> {
  await using file = await openRegular(path, maxFileBytes);
  try {
    const before = await file.readFile();
    checkUnchanged(path, request.expectedHash, sha256(before));
    const { text, replacements, lines } = replaceExactly(decodeText(before, path), request, path);
    const after = Buffer.from(text);
    await writeDurably(path, after, (await file.stat()).mode & 0o7777);
    return { replacements, snippet: snippet(text, lines), hash: sha256(after) };
  } catch (error) {
    throw fileFailure(error, path);
  }
}

function snippet(text: string, { first, last }: { first: number; last: number }): string {
  const lines = text.split(/\r?\n/);
  const from = Math.max(1, first - snippetContext);
  const to = Math.min(lines.length, last + snippetContext, from + snippetLines - 1);
  return lines
    .slice(from - 1, to)
    .map((line, index) => `${String(from + index).padStart(6)}\t${line.slice(0, 500)}`)
    .join('\n');
}
