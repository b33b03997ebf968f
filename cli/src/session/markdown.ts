import { piecesOf } from './piece.ts';
import type { TranscriptEntry } from './transcript.ts';

/** A conversation as a Markdown document: prompts as headings' sections, tool calls and results as code. */
export function markdownOf(title: string, entries: readonly TranscriptEntry[]): string {
  const parts = [`# ${title.replace(/\s+/g, ' ').trim()}`];
  let speaker = '';
  const by = (who: string) => {
    if (speaker !== who) parts.push(`## ${who}`);
    speaker = who;
  };
  for (const { kind, text } of entries.flatMap(piecesOf)) {
    if (kind === 'prompt') by('User');
    else if (kind === 'text' || kind === 'call') by('Agent');
    if (kind === 'prompt' || kind === 'text') parts.push(text.trim());
    else if (kind === 'call') parts.push(fenced(text));
    else if (kind === 'result' || kind === 'failed-result')
      parts.push(fenced(text, kind === 'result' ? 'text' : 'text failed'));
    else parts.push(quoted(text));
  }
  return `${parts.join('\n\n')}\n`;
}

/** As code, between fences that the text does not hold. */
function fenced(text: string, info = ''): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${info}\n${text}\n${fence}`;
}

function quoted(text: string): string {
  return text
    .trim()
    .split('\n')
    .map((line) => `> ${line}`.trimEnd())
    .join('\n');
}
