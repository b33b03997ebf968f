import { printable } from '../output/printable.ts';
import type { Style } from '../output/style.ts';
import type { Screen } from '../terminal/screen.ts';
import type { Piece } from './piece.ts';

/** Where a conversation is shown. What it is given may hold control characters. */
export interface View {
  show(piece: Piece): void;
  /** The agent goes on with its text. */
  stream(text: string): void;
  /** What was streamed is whole. */
  endStream(): void;
}

/** On a terminal, above the row in which the person types. */
export class ScreenView implements View {
  readonly #screen: Screen;
  readonly #style: Style;

  constructor(screen: Screen, style: Style) {
    this.#screen = screen;
    this.#style = style;
  }

  show({ kind, text }: Piece): void {
    const { bold, dim, bad } = this.#style;
    const clean = printable(text);
    const dressed: Record<Piece['kind'], [string, (row: string) => string]> = {
      prompt: [marked('› ', clean), bold],
      text: [clean, (row) => row],
      call: [marked('→ ', clean), dim],
      result: [marked('  ', clean), dim],
      'failed-result': [marked('  ', clean), bad],
      note: [marked('· ', clean), dim],
      error: [marked('! ', clean), bad],
    };
    this.#screen.line(...dressed[kind]);
  }

  stream(text: string): void {
    this.#screen.add(printable(text));
  }

  endStream(): void {
    this.#screen.close();
  }
}

/** In a script: what the agent says on standard output, everything else on standard error. */
export class PlainView implements View {
  readonly #out: (text: string) => void;
  readonly #err: (text: string) => void;
  readonly #clean: (text: string) => string;
  #open = false;

  /** @param terminal whether standard output is one: a file gets what the agent wrote, as it wrote it */
  constructor({ out, err }: { out(text: string): void; err(text: string): void }, terminal: boolean) {
    this.#out = out;
    this.#err = err;
    this.#clean = terminal ? printable : (text) => text;
  }

  show({ kind, text }: Piece): void {
    this.endStream();
    if (kind === 'text') this.#out(`${this.#clean(text)}\n`);
    else {
      const mark = { prompt: '› ', call: '→ ', result: '  ', 'failed-result': '  ', note: '· ', error: '! ' };
      this.#err(`${marked(mark[kind], printable(text))}\n`);
    }
  }

  stream(text: string): void {
    if (text === '') return;
    this.#out(this.#clean(text));
    this.#open = !text.endsWith('\n');
  }

  endStream(): void {
    if (this.#open) this.#out('\n');
    this.#open = false;
  }
}

/** The first line after a mark, the others below its text. */
function marked(mark: string, text: string): string {
  return mark + text.replaceAll('\n', `\n${' '.repeat(mark.length)}`);
}
