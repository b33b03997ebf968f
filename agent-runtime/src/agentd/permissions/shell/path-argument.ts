import type { Word, WordPart } from 'unbash';
import { expandBraces, PatternError } from '../../../glob/braces.ts';
import { literalPattern, unknownText } from '../../../glob/path-pattern.ts';
import type { Effort } from '../effort.ts';
import { unknownVariable } from './nested.ts';
import { anything } from './text.ts';

/** A pattern of all paths. */
export const anyPath = '/**';

/**
 * Stand in a text for `*` and `?` of the shell, which are not those of `PathPattern` where a name begins; for `$HOME` and `$PWD`; and for space in the
 * value of a variable, which parts words where there are no quotes around it.
 */
const star = '\uE001';
const question = '\uE002';
const ofHome = '\uE003';
const ofFolder = '\uE004';
const gap = '\uE005';
/** A name that no file has: only what covers a whole folder covers it. */
const noName = '\uE007';

/** Ways to read one word; where there are more, it may be anything. */
const most = 256;

/** Variables in the values of variables are followed so far; what lies deeper may be anything. */
const maxDepth = 16;

/** Steps that each way to read a word, and each value of a variable, counts as. */
const [costOfReading, costOfValue] = [40, 100];

/** What is known of a line that says what its words come to. */
export interface KnownOfLine {
  /** What it sets variables to. */
  variables: ReadonlyMap<string, readonly Word[]>;
  /** False: it changes what patterns of the shell match, so they may match anything. */
  usual: boolean;
  effort: Effort;
}

/**
 * The paths that a word of a command may name, as patterns in the language of `PathPattern`: what `*`, `?`, `[…]` and braces come to
 * depends on what files there are. A variable is what the line sets it to, or else some part of a name; `$HOME` is the home, and another one in front of a
 * slash is taken for the working directory or the home. A last name that is all unknown is one that only a whole folder has.
 */
export function pathPatternsOf(word: Word, known: KnownOfLine): string[] {
  const texts = known.effort.spend(word.text.length) ? textsOf(word, known, []) : undefined;
  if (texts === undefined) return [anyPath];
  try {
    const read = texts.flatMap(wordsOf).map(inPathPattern).flatMap(expandBraces);
    if (!known.effort.spend(costOfReading * read.length)) return [anyPath];
    return [...new Set(read.flatMap(namedBy).flatMap(withFolder))];
  } catch (error) {
    if (error instanceof PatternError) return [anyPath];
    throw error;
  }
}

/** Undefined: it may be anything. `within`: the variables whose value this is a part of. */
function textsOf(word: Word, known: KnownOfLine, within: readonly string[]): string[] | undefined {
  let texts = [''];
  const parts = word.parts?.flatMap(flat) ?? [literalOf(word)];
  for (const [index, part] of parts.entries()) {
    // `$x{a,b}` is `$xa` and `$xb`.
    const isCut = part.type === 'SimpleExpansion' && parts[index + 1]?.type === 'BraceExpansion';
    const isOpen = part.type === 'Glob' && !known.usual;
    const more = isCut || isOpen ? undefined : partTexts(part, known, within);
    if (more === undefined || texts.length * more.length > most) return undefined;
    texts = texts.flatMap((text) => more.map((each) => text + each));
  }
  return texts;
}

function literalOf({ value, text, pos, end }: Word): WordPart {
  return { type: 'Literal', value, text, pos, end };
}

/** What the shell's `*` and `?` are in the language of `PathPattern`: only a dot that stands there begins a name with one. */
const inPathPatterns: readonly (readonly [RegExp, string])[] = [
  [new RegExp(`(?<=^|/)${star}+(?=[./]|$)`, 'g'), '[!.]*'],
  [new RegExp(`(?<=^|/)${star}+`, 'g'), '{,[!.]*}'],
  [new RegExp(`(?<=^|/)${question}`, 'g'), '[!.]'],
  [new RegExp(`${star}+`, 'g'), '*'],
  [new RegExp(question, 'g'), '?'],
];

function inPathPattern(text: string): string {
  return inPathPatterns.reduce((pattern, [shells, ours]) => pattern.replaceAll(shells, ours), text);
}

/** What is in double quotes, as parts of the word. */
function flat(part: WordPart): WordPart[] {
  return part.type === 'DoubleQuoted' || part.type === 'LocaleString' ? [...part.parts] : [part];
}

/** Undefined: it may be anything. */
function partTexts(part: WordPart, known: KnownOfLine, within: readonly string[]): string[] | undefined {
  if (part.type === 'SimpleExpansion' || part.type === 'ParameterExpansion')
    return valuesOf(part, known, within);
  const text = textOfPart(part);
  if (text === undefined) return undefined;
  return [within.length === 0 ? text : (unquoted(part) ?? text)];
}

type Expansion = Extract<WordPart, { type: 'SimpleExpansion' | 'ParameterExpansion' }>;

/** What a variable may come to. */
function valuesOf(part: Expansion, known: KnownOfLine, within: readonly string[]): string[] | undefined {
  const { name, operation } = variableIn(part);
  if (name === undefined || within.includes(name)) return [anything];
  const operand = operation?.type === 'Default' ? [operation.operand] : [];
  const set = known.variables.get(name) ?? [];
  const words = [...set, ...operand];
  if (within.length >= maxDepth || !known.effort.spend(costOfValue * words.length)) return undefined;
  const values = words.map((value) => textsOf(value, known, [...within, name]));
  if (values.includes(undefined)) return undefined;
  const texts = values.flatMap((each) => each ?? []).map((text) => trimmed(text, operation));
  const unknown = name === 'HOME' ? ofHome : name === 'PWD' ? ofFolder : anything;
  // One that the line sets may still be empty where it is used.
  return [...new Set([...texts, set.length > 0 ? '' : unknown])];
}

type Operation = Extract<Expansion, { type: 'ParameterExpansion' }>['operation'];

/** Of `${!x}` it may be any variable of the line. */
function variableIn(part: Expansion): { name: string | undefined; operation?: Operation } {
  if (part.type === 'SimpleExpansion') return { name: /^\$([\w@*]+)$/.exec(part.text)?.[1] };
  if (part.prefix === '!') return { name: unknownVariable };
  return { name: part.prefix === '#' ? undefined : part.parameter, operation: part.operation };
}

/** `${x%.bak}` without what it takes away, where that stands there. */
function trimmed(text: string, operation: Operation): string {
  if (operation?.type !== 'Remove') return text;
  const end = literalPattern(operation.operand.value);
  if (operation.operator.startsWith('%'))
    return text.endsWith(end) ? text.slice(0, -end.length || undefined) : text;
  return text.startsWith(end) ? text.slice(end.length) : text;
}

/** What stands in the value of a variable is a pattern again where the variable has no quotes around it. */
function unquoted(part: WordPart): string | undefined {
  if (part.type !== 'Literal' && part.type !== 'SingleQuoted' && part.type !== 'AnsiCQuoted')
    return undefined;
  return part.value
    .replace(/[\\{}]/g, '\\$&')
    .replaceAll('*', star)
    .replaceAll('?', question)
    .replace(/\s+/g, gap);
}

/** A word as it is with quotes around its variables, and what it comes to without. */
function wordsOf(text: string): string[] {
  const words = text.split(gap);
  return words.length === 1 ? words : [words.join(' '), ...words];
}

function textOfPart(part: WordPart): string | undefined {
  switch (part.type) {
    case 'Literal':
    case 'SingleQuoted':
    case 'AnsiCQuoted':
      return literalPattern(part.value);
    case 'Glob':
      if (part.kind !== 'bracket') return part.kind === 'star' ? star : question;
      return /^\[[!^]?[^[\]\\'"$`/]+\]$/.test(part.text) ? part.text : '?';
    case 'ExtendedGlob':
      return '*';
    case 'BraceExpansion':
      if (/^\{[\w.+-]*\.\.[\w.+-]*\}$/.test(part.text)) return '*';
      return /^[\w.,/@%+:={}-]+$/.test(part.text) ? part.text : undefined;
    default:
      return anything;
  }
}

/** FILE, `of=FILE`, `--file=FILE`, `@FILE`, `name=@FILE` and `file:///FILE`. Other options name none. */
function namedBy(word: string): string[] {
  const value = word.slice(word.indexOf('=') + 1);
  const words = word.startsWith('-') ? (word.includes('=') ? [value] : []) : [word, value];
  return words.flatMap((each) => [each, each.replace(/^@|^file:\/\//, '')]);
}

function withoutSlashes(path: string): string {
  let end = path.length;
  while (end > 1 && path[end - 1] === '/') end -= 1;
  return path.slice(0, end);
}

/** How a path begins, and what that is here: `~` for the home of the one person in the container, `.` for the working directory. */
const beginnings: readonly (readonly [RegExp, string])[] = [
  [new RegExp(`^[/${anything}]*${ofHome}`), '~'],
  [new RegExp(`^(?:[/${anything}]*${ofFolder}|/*proc/[^/]+/cwd(?=/|$))`), '.'],
  [new RegExp(`[${ofHome}${ofFolder}]`, 'g'), anything],
  [/^~[+-](?=\/|$)/, '.'],
  [/^~(?:agent)?(?=\/|$)/, '~'],
];

const knownPart = new RegExp(`[^ ${anything}]`);

function withFolder(text: string): string[] {
  if (text === '') return [];
  let path = beginnings.reduce((now, [how, what]) => now.replace(how, what), withoutSlashes(text));
  // Where others live says a file of the container.
  if (/^~[^/]/.test(path)) return [anyPath];
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (name.includes(anything) && !knownPart.test(name))
    path = path.slice(0, path.length - name.length) + noName;
  // A text rather than a path.
  else if (path.includes(anything) && path.includes(' ') && !path.includes('/')) return [];
  // What is not known may be nothing, or a folder.
  const known = path.slice(path.lastIndexOf(`${anything}/`) + 1);
  const paths =
    known === path ? [path] : [known, ...(path.startsWith(anything) ? [`.${known}`, `~${known}`] : [path])];
  return paths.map((each) => each.replaceAll(anything, unknownText));
}
