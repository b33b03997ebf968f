/** A pattern that cannot be used; the message says why. */
export class PatternError extends Error {
  override readonly name = 'PatternError';
}

const maxAlternatives = 256;

/** `a{b,c}` as `ab` and `ac`; braces without a comma or a partner stand for themselves. Throws {@link PatternError} for too many. */
export function expandBraces(pattern: string): string[] {
  const done: string[] = [];
  const pending = [{ text: pattern, from: 0 }];
  for (let item = pending.pop(); item; item = pending.pop()) {
    const { text, from } = item;
    const open = text.indexOf('{', from);
    if (open < 0) done.push(text);
    else if (text[open - 1] === '\\') pending.push({ text, from: open + 1 });
    else {
      const { parts, end } = braceParts(text, open);
      if (parts.length < 2) pending.push({ text, from: open + 1 });
      else
        for (const part of parts)
          pending.push({ text: text.slice(0, open) + part + text.slice(end), from: open });
    }
    if (done.length + pending.length > maxAlternatives) {
      throw new PatternError(`the pattern has more than ${maxAlternatives} alternatives`);
    }
  }
  return done;
}

/** The alternatives of the brace that opens at `open`, and where it ends; none when it does not. */
function braceParts(text: string, open: number): { parts: string[]; end: number } {
  const parts: string[] = [];
  let depth = 0;
  let from = open + 1;
  for (let at = open; at < text.length; at += 1) {
    const character = text[at];
    if (character === '\\') at += 1;
    else if (character === '{') depth += 1;
    else if (character === '}') depth -= 1;
    if ((character === ',' && depth === 1) || depth === 0) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
    if (depth === 0) return { parts, end: at + 1 };
  }
  return { parts: [], end: text.length };
}
