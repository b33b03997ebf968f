import { Effort } from '../effort.ts';
import { bashPatterns, mayMatch } from './glob.ts';
import type { ShellCommand, ShellLine } from './line.ts';
import { anything, isCertain } from './text.ts';

/** Beyond this many characters the rest of a command or text counts as unknown. */
const shownLength = 16 * 1024;

/** A command with more options than these is taken to hold anything: which words belong to them is tried out. */
const mostOptions = 100;

const isOption = (word: string | undefined) => /^[-+]/.test(word ?? '');

/**
 * Whether a line may hold a command that one of the rules speaks of, for deny and ask rules: anywhere in it, in any wrapping, under any path,
 * with options before the subcommand. What cannot be told counts as held. Returns the first such specifier.
 */
export function firstHeld(line: ShellLine, specs: readonly string[]): string | undefined {
  if (line.unclear) return specs[0];
  const effort = new Effort();
  if (line.commands.some(({ words }) => words.filter(isOption).length > mostOptions)) return specs[0];
  const forms = [...line.commands.flatMap(formsOf), ...[...line.texts].flatMap(formsOfText)];
  return specs.find((spec) =>
    bashPatterns(spec).some((pattern) => forms.some((form) => holds(pattern, form, effort))),
  );
}

/** A text, and where in it a command may begin. */
interface Form {
  text: string;
  starts: number[];
}

function holds(pattern: string, { text, starts }: Form, effort: Effort): boolean {
  // What begins with `*` matches a part where it matches the whole.
  const from = pattern.startsWith('*') ? starts.slice(0, 1) : starts;
  return from.some((start) => mayMatch(pattern, text, start, effort));
}

/** A command as it stands, and without the options before its subcommand: `git -C x push` is a `git push`. */
function formsOf({ words }: ShellCommand): Form[] {
  const forms = [form(words)];
  for (const [at, word] of words.entries()) {
    if (!isOption(words[at + 1]) || !isCertain(word)) continue;
    let next = at + 1;
    for (let dropped = 0; dropped < 32 && isOption(words[next]); dropped += 1) {
      // An option may take the word behind it.
      for (const rest of [next + 1, next + 2]) {
        if (rest < words.length || rest === next + 1) forms.push(form([word, ...words.slice(rest)], 1));
      }
      next += isOption(words[next + 1]) || (words[next] ?? '').includes('=') ? 1 : 2;
    }
  }
  return forms;
}

/** Any of the words may be the program, with or without its folder. */
function form(words: readonly string[], most = words.length): Form {
  const starts: number[] = [];
  let text = '';
  for (const [at, word] of words.entries()) {
    if (at > 0) text += ' ';
    const name = word.lastIndexOf('/') + 1;
    // A word that nobody knows begins no command here: where it would be run, the whole line is unclear.
    for (const from of at < most ? new Set([0, name]) : [])
      if (!word.startsWith(anything, from)) starts.push(text.length + from);
    text += word.replace(/\s+/g, ' ');
    if (text.length > shownLength) {
      text = text.slice(0, shownLength) + anything;
      break;
    }
  }
  return { text, starts };
}

/** What would be commands if a text were given to a shell or to the like: every piece of it, without quotes and escapes. */
function formsOfText(whole: string): Form[] {
  const text = whole.length > shownLength ? `${whole.slice(0, shownLength)}${anything}` : whole;
  const plain = text.replace(/\\\n/g, '').replace(/\\(.)/g, '$1').replace(/["']/g, '');
  return plain
    .split(/[;|&\n\r`(){}<>,=![\]$]+/)
    .map((piece) => piece.trim().split(/\s+/))
    .filter((words) => words[0] !== '')
    .map((words) => form(words));
}
