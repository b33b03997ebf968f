import type { Word, WordPart } from 'unbash';
import { expandBraces, PatternError } from '../../../glob/braces.ts';
import { literalPattern } from '../../../glob/path-pattern.ts';
import { anything } from './text.ts';

/** A pattern of all paths. */
export const anyPath = '/**';

/** Stand in a text for `*` and `?` of the shell, which are not those of `PathPattern` where a name begins; and for `$HOME` and `$PWD`. */
const star = '\uE001';
const question = '\uE002';
const ofHome = '\uE003';
const ofFolder = '\uE004';

/**
 * The paths that a word of a command may stand for, as patterns in the language of `PathPattern`: what `*`, `?`, `[…]` and braces come to
 * depends on what files there are. An expansion is some part of a name; `$HOME` is the home, and another one in front of a slash is taken for
 * the working directory. None where the last name does not stand there at all, as in `"$file"`.
 *
 * @param usual false: the line changes what patterns of the shell match, so they may match anything
 */
export function pathPatternsOf(word: Word, usual: boolean): string[] {
  const parts = word.parts?.flatMap(flat) ?? [];
  if (!usual && parts.some(({ type }) => type === 'Glob')) return [anyPath];
  const texts = parts.length === 0 ? [literalPattern(word.value)] : parts.map(patternOf);
  if (texts.includes(undefined)) return [anyPath];
  const text = texts
    .join('')
    // Only a dot that stands there begins a name with one.
    .replaceAll(new RegExp(`(?<=^|/)${star}+(?=[./]|$)`, 'g'), '[!.]*')
    .replaceAll(new RegExp(`(?<=^|/)${star}+`, 'g'), '{,[!.]*}')
    .replaceAll(new RegExp(`(?<=^|/)${question}`, 'g'), '[!.]')
    .replaceAll(new RegExp(`${star}+`, 'g'), '*')
    .replaceAll(question, '?');
  try {
    return expandBraces(text).flatMap(withFolder);
  } catch (error) {
    if (error instanceof PatternError) return [anyPath];
    throw error;
  }
}

/** What is in double quotes, as parts of the word. */
function flat(part: WordPart): WordPart[] {
  return part.type === 'DoubleQuoted' || part.type === 'LocaleString' ? [...part.parts] : [part];
}

/** Undefined: it may hold slashes and more that cannot be told. */
function patternOf(part: WordPart): string | undefined {
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
    case 'SimpleExpansion':
    case 'ParameterExpansion':
      if (/^\$(?:HOME|\{HOME\})$/.test(part.text)) return ofHome;
      return /^\$(?:PWD|\{PWD\})$/.test(part.text) ? ofFolder : anything;
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
  if (new RegExp(`(?:^|/)${anything}+$`).test(path)) return [];
  return [path.replace(new RegExp(`^${anything}+(?=/)`), '.').replaceAll(anything, '*')];
}
