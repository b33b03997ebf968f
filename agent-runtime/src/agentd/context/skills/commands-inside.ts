/** A part of a skill's text: `run` is a command whose output takes its place. */
export type Part = { kind: 'text'; text: string } | { kind: 'run'; command: string };

/**
 * Splits at the commands that a skill has run before the model reads it: `` !`…` `` at the beginning of a line or after white
 * space, and blocks that begin with ```` ```! ````.
 */
export function partsOf(text: string): Part[] {
  const parts: Part[] = [];
  const lines = text.split(/(?<=\n)/);
  const lastFence = lines.findLastIndex(isFence);
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    const end = at < lastFence && /^```![ \t]*\n$/.test(line) ? closing(lines, at) : -1;
    if (end === -1) {
      parts.push(...inlineParts(line));
      continue;
    }
    const command = lines
      .slice(at + 1, end)
      .join('')
      .trim();
    if (command !== '') parts.push({ kind: 'run', command }, { kind: 'text', text: '\n' });
    at = end;
  }
  return parts;
}

function inlineParts(line: string): Part[] {
  const parts: Part[] = [];
  let from = 0;
  for (const match of line.matchAll(/(?<=^|\s)!`([^`]+)`/g)) {
    const command = match[1]?.trim() ?? '';
    if (command === '') continue;
    parts.push({ kind: 'text', text: line.slice(from, match.index) }, { kind: 'run', command });
    from = match.index + match[0].length;
  }
  return [...parts, { kind: 'text', text: line.slice(from) }];
}

function closing(lines: readonly string[], start: number): number {
  return lines.findIndex((line, index) => index > start && isFence(line));
}

function isFence(line: string): boolean {
  return /^```[ \t]*\n?$/.test(line);
}
