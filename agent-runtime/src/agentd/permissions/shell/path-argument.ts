import type { Word, WordPart } from 'unbash';
import { expandBraces, PatternError } from '../../../glob/braces.ts';
import { literalPattern } from '../../../glob/path-pattern.ts';
import type { Effort } from '../effort.ts';
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

/** Ways to read one word; where there are more, it may be anything. */
const most = 256;

/** Steps that each of its values counts as. */
const costOfVariable = 100;

/** What is known of a line that says what its words come to. */
export interface KnownOfLine {
  /** What it sets variables to. */
  variables: ReadonlyMap<string, readonly Word[]>;
  /** False: it changes what patterns of the shell match, so they may match anything. */
  usual: boolean;
  effort: Effort;
}

/**
 * The paths that a word of a command may stand for, as patterns in the language of `PathPattern`: what `*`, `?`, `[…]` and braces come to
 * depends on what files there are. A variable is what the line sets it to, or else some part of a name; `$HOME` is the home, and another one in front of a
 * slash is taken for the working directory. None where the last name cannot be told at all, as in `"$file"`.
 */
export function pathPatternsOf(word: Word, known: KnownOfLine): string[] {
  const texts = textsOf(word, known, []);
  if (texts === undefined) return [anyPath];
  try {
    return [...new Set(texts.flatMap(wordsOf).map(inPathPattern).flatMap(expandBraces).flatMap(withFolder))];
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

/** From the shell's language into that of `PathPattern`. */
function inPathPattern(text: string): string {
  return (
    text
      // Only a dot that stands there begins a name with one.
      .replaceAll(new RegExp(`(?<=^|/)${star}+(?=[./]|$)`, 'g'), '[!.]*')
      .replaceAll(new RegExp(`(?<=^|/)${star}+`, 'g'), '{,[!.]*}')
      .replaceAll(new RegExp(`(?<=^|/)${question}`, 'g'), '[!.]')
      .replaceAll(new RegExp(`${star}+`, 'g'), '*')
      .replaceAll(question, '?')
  );
}

/** What is in double quotes, as parts of the word. */
function flat(part: WordPart): WordPart[] {
  return part.type === 'DoubleQuoted' || part.type === 'LocaleString' ? [...part.parts] : [part];
}

/** Undefined: it may be anything. */
function partTexts(part: WordPart, known: KnownOfLine, within: readonly string[]): string[] | undefined {
  const name = variableIn(part);
  if (name === undefined) {
    const text = textOfPart(part);
    if (text === undefined) return undefined;
    return [within.length === 0 ? text : (unquoted(part) ?? text)];
  }
  // What is added to a variable is some text and what is added.
  const set = within.includes(name) ? [] : (known.variables.get(name) ?? []);
  if (!known.effort.spend(costOfVariable * set.length)) return undefined;
  const values = set.map((value) => textsOf(value, known, [...within, name]));
  if (values.includes(undefined)) return undefined;
  const otherwise = name === 'HOME' ? ofHome : name === 'PWD' ? ofFolder : anything;
  return [...new Set([...values.flatMap((texts) => texts ?? []), otherwise])];
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

/** The variable that a part is the value of, and nothing else. */
function variableIn(part: WordPart): string | undefined {
  if (part.type !== 'SimpleExpansion' && part.type !== 'ParameterExpansion') return undefined;
  return /^\$(?:(\w+)|\{(\w+)(?:\[[@*\d]+\])?\})$/.exec(part.text)?.slice(1).find(Boolean);
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

function withFolder(text: string): string[] {
  const path = text
    .replace(/(?<=.)\/+$/, '')
    .replace(new RegExp(`^/*${ofHome}`), '~')
    .replace(new RegExp(`^/*${ofFolder}`), '.')
    .replaceAll(new RegExp(`[${ofHome}${ofFolder}]`, 'g'), anything)
    .replace(/^~[+-](?=\/|$)/, '.')
    // Whose home it is says a file of the container; there is one person in it.
    .replace(/^~[\w.-]*(?=\/|$)/, '~');
  if (new RegExp(`(?:^|/)[ ${anything}]*${anything}$`).test(path)) return [];
  return [path.replace(new RegExp(`^${anything}+(?=/)`), '.').replaceAll(anything, '*')];
}
