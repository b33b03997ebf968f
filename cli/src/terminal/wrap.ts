import { displayWidth } from '../output/width.ts';

/** Columns between two tab stops. */
const tab = 4;

/**
 * A line as rows of at most so many columns, broken at spaces where there are some. There is always at least one row.
 * @param line without line breaks and control characters, but for tabs
 */
export function wrap(line: string, columns: number): string[] {
  const rows: string[] = [];
  let row = '';
  let width = 0;
  for (const word of line.replaceAll('\t', ' '.repeat(tab)).split(/(?<= )(?=[^ ])/)) {
    if (width > 0 && width + displayWidth(word.trimEnd()) > columns) {
      rows.push(row.trimEnd());
      row = '';
      width = 0;
    }
    for (const character of word) {
      const wide = displayWidth(character);
      if (width + wide > columns) {
        // Spaces at the end of a row need no row of their own.
        if (character === ' ') continue;
        rows.push(row);
        row = '';
        width = 0;
      }
      row += character;
      width += wide;
    }
  }
  return [...rows, row];
}
