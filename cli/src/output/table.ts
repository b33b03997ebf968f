import { displayWidth } from './width.ts';

/** One column of a table of `Row`s. */
export interface Column<Row> {
  /** In capitals, as kubectl has it. */
  name: string;
  /** The text of the cell; empty for nothing known, which is shown as `-`. */
  cell: (row: Row) => string;
  /** Only with `-o wide`. */
  wide?: true;
}

/** A table in the manner of kubectl: three spaces between columns, no lines, nothing after the last cell. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], wide = false): string {
  const shown = columns.filter((column) => wide || column.wide === undefined);
  const lines = [
    shown.map(({ name }) => name),
    ...rows.map((row) => shown.map(({ cell }) => oneLine(cell(row)) || '-')),
  ];
  return aligned(lines);
}

/** Lines of cells, each column as wide as its widest cell. */
export function aligned(lines: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const line of lines) {
    for (const [index, cell] of line.entries())
      widths[index] = Math.max(widths[index] ?? 0, displayWidth(cell));
  }
  const padded = (cell: string, index: number) =>
    cell + ' '.repeat((widths[index] ?? 0) - displayWidth(cell));
  return lines.map((line) => `${line.map(padded).join('   ').trimEnd()}\n`).join('');
}

/** Text that shall take one line: breaks become `⏎`, and other control characters, which could steer a terminal, go. */
export function oneLine(text: string, longest = Number.POSITIVE_INFINITY): string {
  const line = text
    .trim()
    .replaceAll(/\s*\n\s*/g, ' ⏎ ')
    .replaceAll(/\p{Cc}/gu, ' ');
  return line.length <= longest ? line : `${[...line].slice(0, longest - 1).join('')}…`;
}
