import { oneLine } from '../output/table.ts';
import { displayWidth } from '../output/width.ts';
import type { PromptRow } from './screen.ts';

/** A key, as Node's readline tells of it. */
export interface Key {
  name?: string | undefined;
  ctrl?: boolean;
  meta?: boolean;
  sequence?: string;
}

/** What a person means by a key that changes more than the line. */
export type Meant = { kind: 'send'; text: string } | { kind: 'stop' | 'leave' | 'cancel' };

const graphemes = new Intl.Segmenter();

/** A line that a person types, with those that they typed before. */
export class LineEditor {
  /** What a reader takes for one character each. */
  #before: string[] = [];
  #after: string[] = [];
  readonly #history: string[] = [];
  /** How far back in the history; 0 is the line that is being typed. */
  #back = 0;
  #typed = '';
  #pasting = false;

  get text(): string {
    return [...this.#before, ...this.#after].join('');
  }

  /**
   * Takes a key.
   * @returns what it means besides: Enter sends, Esc stops the turn, Ctrl-D on an empty line leaves, Ctrl-C on one is
   * `cancel`
   */
  key(typed: string | undefined, key: Key): Meant | undefined {
    const { name, ctrl } = key;
    if (name === 'paste-start' || name === 'paste-end') this.#pasting = name === 'paste-start';
    else if (name === 'return' || name === 'enter') return this.#enter(key);
    else if (ctrl) return this.#control(name);
    else if (name === 'escape') return { kind: 'stop' };
    else if (name === 'backspace') this.#before.pop();
    else if (name === 'delete') this.#after.shift();
    else if (name === 'left') this.#move(this.#before.length - 1);
    else if (name === 'right') this.#move(this.#before.length + 1);
    else if (name === 'home') this.#move(0);
    else if (name === 'end') this.#move(Number.POSITIVE_INFINITY);
    else if (name === 'up') this.#recall(this.#back + 1);
    else if (name === 'down') this.#recall(this.#back - 1);
    else if (typed !== undefined && !key.meta && !/\p{Cc}/u.test(typed)) this.#insert(typed);
    else if (name === 'tab' && this.#pasting) this.#insert('\t');
    return undefined;
  }

  /** The line after `label`, as much of it as fits around the cursor into so many columns. */
  row(label: string, columns: number): PromptRow {
    const room = Math.max(8, columns - displayWidth(label) - 1);
    const before = shown(this.#before);
    const after = shown(this.#after);
    let from = 0;
    while (displayWidth(before.slice(from).join('')) > room - 1) from += 1;
    const left = before.slice(from).join('');
    let to = 0;
    while (to < after.length && displayWidth(left + after.slice(0, to + 1).join('')) <= room) to += 1;
    return {
      text: label + left + after.slice(0, to).join(''),
      cursor: displayWidth(label + left),
    };
  }

  #enter({ meta }: Key): Meant | undefined {
    if (this.#pasting || meta) {
      this.#insert('\n');
      return undefined;
    }
    const { text } = this;
    this.#set('');
    if (text.trim() === '') return undefined;
    if (this.#history.at(-1) !== text) this.#history.push(text);
    return { kind: 'send', text };
  }

  #control(name: string | undefined): Meant | undefined {
    if (name === 'd' && this.text === '') return { kind: 'leave' };
    if (name === 'c') {
      if (this.text === '') return { kind: 'cancel' };
      this.#set('');
    } else if (name === 'd') this.#after.shift();
    else if (name === 'a') this.#move(0);
    else if (name === 'e') this.#move(Number.POSITIVE_INFINITY);
    else if (name === 'u') this.#before = [];
    else if (name === 'k') this.#after = [];
    else if (name === 'w') this.#before = split(this.#before.join('').replace(/\S+\s*$/u, ''));
    return undefined;
  }

  #insert(text: string): void {
    // What is joined to the character before is one with it.
    this.#before = split(this.#before.join('') + text);
  }

  #move(to: number): void {
    const all = [...this.#before, ...this.#after];
    const at = Math.min(Math.max(0, to), all.length);
    this.#before = all.slice(0, at);
    this.#after = all.slice(at);
  }

  #recall(back: number): void {
    if (back < 0 || back > this.#history.length) return;
    if (this.#back === 0) this.#typed = this.text;
    const text = back === 0 ? this.#typed : (this.#history.at(-back) ?? '');
    this.#set(text);
    this.#back = back;
  }

  #set(text: string): void {
    this.#before = split(text);
    this.#after = [];
    this.#back = 0;
  }
}

function split(text: string): string[] {
  return [...graphemes.segment(text)].map(({ segment }) => segment);
}

/** Line breaks of what was pasted, and tabs, take one column. */
function shown(characters: readonly string[]): string[] {
  return characters.map((each) => (each === '\n' ? '⏎' : each === ' ' ? each : oneLine(each) || ' '));
}
