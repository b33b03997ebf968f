import { ToolFailure } from '../tool-failure.ts';
import { closestLines } from './closest-lines.ts';
import { byteOrderMark } from './text.ts';

export interface Replacement {
  oldString: string;
  newString: string;
  replaceAll: boolean;
}

export interface Replaced {
  text: string;
  replacements: number;
  /** 1-based lines that the first replacement now takes up. */
  lines: { first: number; last: number };
}

/**
 * Replaces an exact string. In a file whose lines end with CRLF the strings may be given with LF, as a model sees them; the file's
 * line ends stay what they are. Throws `no_match` with what comes closest, `not_unique` with the places, or `invalid`.
 */
export function replaceExactly(text: string, replacement: Replacement, path: string): Replaced {
  if (replacement.oldString === '') {
    throw new ToolFailure('invalid', 'the text to replace is empty: use Write to make a file');
  }
  if (replacement.oldString === replacement.newString) {
    throw new ToolFailure('invalid', 'the new text is the same as the old one: nothing would change');
  }
  // The mark is not part of the first line as a reader sees it.
  const start = text.startsWith(byteOrderMark) ? 1 : 0;
  const { oldString, newString } = inLineEndsOf(text, replacement);
  const places = occurrences(text, oldString, start);
  const first = places[0];
  if (first === undefined) throw noMatch(text.slice(start), replacement.oldString, path);
  if (places.length > 1 && !replacement.replaceAll) {
    const lines = places.slice(0, 10).map((at) => lineOf(text, at));
    throw new ToolFailure(
      'not_unique',
      `the text to replace stands ${places.length} times in ${path} (lines ${lines.join(', ')}): ` +
        'add lines around it to name one, or replace all',
    );
  }
  const line = lineOf(text, first);
  return {
    text: splice(text, places, oldString.length, newString),
    replacements: places.length,
    lines: { first: line, last: line + newString.split('\n').length - 1 },
  };
}

function inLineEndsOf(text: string, { oldString, newString }: Replacement) {
  const asGiven = { oldString, newString };
  if (!text.includes('\r\n')) return asGiven;
  const mixed = /(^|[^\r])\n/.test(text);
  // Where both kinds stand, what matches as given is meant as given.
  if (mixed && text.includes(oldString)) return asGiven;
  const toCrlf = (value: string) => value.replaceAll(/\r?\n/g, '\r\n');
  return { oldString: toCrlf(oldString), newString: toCrlf(newString) };
}

function occurrences(text: string, sought: string, from: number): number[] {
  const places: number[] = [];
  for (let at = text.indexOf(sought, from); at >= 0; at = text.indexOf(sought, at + sought.length)) {
    places.push(at);
  }
  return places;
}

function splice(text: string, places: readonly number[], length: number, inserted: string): string {
  const parts: string[] = [];
  let from = 0;
  for (const at of places) {
    parts.push(text.slice(from, at), inserted);
    from = at + length;
  }
  parts.push(text.slice(from));
  return parts.join('');
}

function lineOf(text: string, at: number): number {
  let line = 1;
  for (let next = text.indexOf('\n'); next >= 0 && next < at; next = text.indexOf('\n', next + 1)) line += 1;
  return line;
}

function noMatch(text: string, sought: string, path: string): ToolFailure {
  const closest = closestLines(text, sought);
  const hint = closest ? ` ${closest}` : ' Nothing in the file resembles it: read the file again.';
  return new ToolFailure('no_match', `the text to replace does not stand in ${path}.${hint}`);
}
