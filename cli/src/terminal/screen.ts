import { wrap } from './wrap.ts';

/** The row at the bottom in which a person types. */
export interface PromptRow {
  text: string;
  /** Columns from the left to the cursor. */
  cursor: number;
}

const clearBelow = '\x1b[J';
const up = '\x1b[1A';

/**
 * A terminal on which text grows upwards over one row at the bottom. Rows are broken here and not by the terminal, so
 * that what is to be drawn anew is never more than the last row and the one at the bottom.
 */
export class Screen {
  readonly #write: (text: string) => void;
  readonly #columns: () => number;
  /** The last row, as long as it may grow. */
  #open = '';
  #bottom: PromptRow | undefined;
  #drawn = false;

  constructor(write: (text: string) => void, columns: () => number) {
    this.#write = write;
    this.#columns = columns;
  }

  /** Adds text to the open row. @param text free of control characters, but for tabs and line breaks */
  add(text: string): void {
    const lines = (this.#open + text).split('\n');
    const last = wrap(lines.pop() ?? '', this.#width);
    const whole = [...lines.flatMap((line) => wrap(line, this.#width)), ...last.slice(0, -1)];
    this.#draw(whole, last.at(-1) ?? '');
  }

  /** Whole lines below what is there, each row of them dressed by `dress`. */
  line(text: string, dress: (row: string) => string = (row) => row): void {
    const open = this.#open === '' ? [] : [this.#open];
    const rows = text.split('\n').flatMap((line) => wrap(line, this.#width));
    this.#draw([...open, ...rows.map((row) => (row === '' ? row : dress(row)))], '');
  }

  /** The open row, if there is one, is whole. */
  close(): void {
    if (this.#open !== '') this.#draw([this.#open], '');
  }

  /** What stands at the bottom from now on. */
  bottom(row: PromptRow): void {
    this.#bottom = row;
    this.#draw([], this.#open);
  }

  /** Takes the row at the bottom away, and leaves the cursor below the text. */
  end(): void {
    this.close();
    this.#write(this.#erased());
    this.#bottom = undefined;
    this.#drawn = false;
  }

  get #width(): number {
    return Math.max(10, this.#columns() - 1);
  }

  #draw(whole: readonly string[], open: string): void {
    const erased = this.#erased();
    this.#open = open;
    const rows = [...whole, ...(open === '' ? [] : [open])];
    const bottom = this.#bottom ?? { text: '', cursor: 0 };
    const cursor = bottom.cursor === 0 ? '\r' : `\r\x1b[${bottom.cursor}C`;
    this.#write(`${erased}${rows.map((row) => `${row}\r\n`).join('')}${bottom.text}${cursor}`);
    this.#drawn = true;
  }

  /** Puts the cursor where the rows begin that are drawn anew. */
  #erased(): string {
    if (!this.#drawn) return '';
    return `\r${this.#open === '' ? '' : up}${clearBelow}`;
  }
}
