/** A stretch of Markdown. `code`: a fenced block with its fences, which nothing is looked for in. */
interface Stretch {
  code: boolean;
  text: string;
}

/** Splits at fenced blocks of code; one that does not end goes to the end of the text. */
function stretchesOf(text: string): Stretch[] {
  const stretches: Stretch[] = [];
  let fence: string | undefined;
  for (const line of text.split(/(?<=\n)/)) {
    const mark = /^ {0,3}(`{3,}|~{3,})(.*)/.exec(line);
    const run = mark?.[1] ?? '';
    const opens = fence === undefined && run !== '' && !(run.startsWith('`') && mark?.[2]?.includes('`'));
    const closes = fence !== undefined && run.startsWith(fence) && mark?.[2]?.trim() === '';
    const code = opens || fence !== undefined;
    const last = stretches.at(-1);
    if (last?.code === code && !opens) last.text += line;
    else stretches.push({ code, text: line });
    if (opens) fence = run;
    if (closes) fence = undefined;
  }
  return stretches;
}

/** The text without HTML comments that begin a line, which are for those who keep the file. Those in code stay. */
export function withoutComments(text: string): string {
  return stretchesOf(text)
    .map((stretch) => (stretch.code ? stretch.text : uncommented(stretch.text)))
    .join('');
}

function uncommented(text: string): string {
  let kept = '';
  let from = 0;
  for (const { index } of text.matchAll(/^ {0,3}<!--/gm)) {
    if (index < from) continue;
    const end = text.indexOf('-->', index + 4);
    if (end === -1) break;
    kept += text.slice(from, index);
    const rest = /^[ \t]*\n?/.exec(text.slice(end + 3, end + 203));
    from = end + 3 + (rest?.[0].length ?? 0);
  }
  return kept + text.slice(from);
}

/** What stands outside of fenced blocks and of code spans, in its order. */
export function proseOf(text: string): string[] {
  return stretchesOf(text).flatMap((stretch) =>
    // A code span does not reach over an empty line.
    stretch.code ? [] : stretch.text.split(/\n[ \t]*\n/).flatMap(outsideSpans),
  );
}

/** A span ends with as many backquotes as it began with; where there are none, it is no span. */
function outsideSpans(text: string): string[] {
  const runs = [...text.matchAll(/`+/g)].map((match) => ({ at: match.index, length: match[0].length }));
  const last = new Map(runs.map((run, index) => [run.length, index]));
  const outside: string[] = [];
  let from = 0;
  for (let index = 0; index < runs.length; index += 1) {
    const open = runs[index];
    if (open === undefined || (last.get(open.length) ?? 0) <= index) continue;
    outside.push(text.slice(from, open.at));
    do index += 1;
    while (runs[index]?.length !== open.length);
    const close = runs[index] ?? open;
    from = close.at + close.length;
  }
  outside.push(text.slice(from));
  return outside;
}
