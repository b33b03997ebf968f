import type { Word, WordPart } from 'unbash';

/**
 * Stands in a text for what only the shell will know: what an expansion, a pattern or braces come to. It may be any text, an
 * empty one, and several words. A command that holds this very character is only taken to be less certain than it is.
 */
export const anything = '\uE000';

/** What a word comes to after quotes are removed, as far as it can be told. */
export function textOf(word: Word): string {
  if (word.parts === undefined) return word.value;
  return word.parts.map(partText).join('');
}

/** Whether all of a word can be told. */
export function isCertain(text: string): boolean {
  return !text.includes(anything);
}

function partText(part: WordPart): string {
  switch (part.type) {
    case 'Literal':
    case 'SingleQuoted':
    case 'AnsiCQuoted':
      return part.value;
    case 'DoubleQuoted':
    case 'LocaleString':
      return part.parts.map(partText).join('');
    default:
      return anything;
  }
}
