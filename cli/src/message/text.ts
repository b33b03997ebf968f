import { Failure } from '../failure.ts';
import type { Surroundings } from '../surroundings.ts';

/**
 * The text of a message: the words of the command line with spaces between, or standard input where they are `-` or
 * where there are none.
 * @throws Failure `usage` where there is no text
 */
export async function messageText(
  words: readonly string[],
  around: Pick<Surroundings, 'terminal' | 'input'>,
): Promise<string> {
  const fromInput = words.length === 0 || (words.length === 1 && words[0] === '-');
  if (words.length === 0 && around.terminal.in) {
    throw new Failure('usage', 'there is no text to send', [
      'As arguments:  dormouse send NAME "how does the build look?"',
      'From a file:   dormouse send NAME - < question.md',
    ]);
  }
  const text = fromInput ? (await around.input()).trimEnd() : words.join(' ');
  if (text.trim() === '') throw new Failure('usage', 'the text to send is empty');
  return text;
}
