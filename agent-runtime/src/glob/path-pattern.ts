/** A pattern that cannot be used; the message says why. */
export class PatternError extends Error {
  override readonly name = 'PatternError';
}

/** What is left of a pattern in some folder: for each alternative, the segments that may come next. */
export type Position = readonly ReadonlySet<number>[];

type Token = { kind: 'star' } | { kind: 'one'; matches: (character: string) => boolean };
type Segment = 'any-depth' | readonly Token[];

const maxAlternatives = 256;

/**
 * A pattern of paths: `*`, `?`, `[…]` within a segment, `**` for any depth, `{a,b}` for alternatives; names that begin with a dot
 * are names like others. `node:fs` has a glob that passes over those. It is walked along with a tree, so no folder is read that
 * cannot hold a match, and matching takes no more than pattern length times name length.
 */
export class PathPattern {
  readonly #alternatives: readonly (readonly Segment[])[];

  /** Throws {@link PatternError} for a pattern with too many alternatives. */
  constructor(pattern: string) {
    this.#alternatives = expandBraces(pattern).map((alternative) =>
      alternative
        .split('/')
        .filter((segment) => segment !== '' && segment !== '.')
        .map((segment) => (segment === '**' ? 'any-depth' : tokens(segment))),
    );
  }

  start(): Position {
    return this.#alternatives.map(() => new Set([0]));
  }

  /** Whether a whole path, relative to where the pattern begins, matches. */
  matches(path: string): boolean {
    let position: Position | undefined = this.start();
    let matched = false;
    for (const name of path.split('/')) {
      if (position === undefined) return false;
      ({ matched, next: position } = this.step(position, name));
    }
    return matched;
  }

  /** One name further down. `matched`: this is a match; `next`: what may follow below it, if anything may. */
  step(position: Position, name: string): { matched: boolean; next: Position | undefined } {
    let matched = false;
    let more = false;
    const next = this.#alternatives.map((segments, index) => {
      const reached = new Set<number>();
      for (const at of position[index] ?? []) {
        // `**` also stands for no folder at all: try what follows it, too.
        for (let here = at; here < segments.length; here += 1) {
          const segment = segments[here];
          if (segment === 'any-depth') {
            reached.add(here);
            matched ||= here === segments.length - 1;
            continue;
          }
          if (segment && matchesName(segment, name)) reached.add(here + 1);
          break;
        }
      }
      matched ||= reached.delete(segments.length);
      more ||= reached.size > 0;
      return reached;
    });
    return { matched, next: more ? next : undefined };
  }
}

/** Greedy, going back to the last star only: what was matched before it cannot help. */
function matchesName(segment: readonly Token[], name: string): boolean {
  const characters = [...name];
  let token = 0;
  let at = 0;
  let star: { token: number; at: number } | undefined;
  while (at < characters.length) {
    const wanted = segment[token];
    if (wanted?.kind === 'star') {
      star = { token, at };
      token += 1;
    } else if (wanted?.matches(characters[at] ?? '')) {
      token += 1;
      at += 1;
    } else if (star) {
      star.at += 1;
      token = star.token + 1;
      at = star.at;
    } else return false;
  }
  return segment.slice(token).every((rest) => rest.kind === 'star');
}

function tokens(segment: string): Token[] {
  const found: Token[] = [];
  const one = (matches: (character: string) => boolean) => found.push({ kind: 'one', matches });
  const characters = [...segment];
  for (let at = 0; at < characters.length; at += 1) {
    const character = characters[at] ?? '';
    const close = character === '[' ? characters.indexOf(']', at + 2) : -1;
    if (character === '*') found.push({ kind: 'star' });
    else if (character === '?') one(() => true);
    else if (close > 0) {
      one(classOf(characters.slice(at + 1, close)));
      at = close;
    } else {
      const escaped = character === '\\' && at + 1 < characters.length;
      if (escaped) at += 1;
      const literal = characters[at];
      one((other) => other === literal);
    }
  }
  return found;
}

/** The inside of `[…]`: characters, ranges, and `!` or `^` in front for all others. */
function classOf(inside: readonly string[]): (character: string) => boolean {
  const negated = inside[0] === '!' || inside[0] === '^';
  const members = negated ? inside.slice(1) : inside;
  const ranges: [string, string][] = [];
  for (let at = 0; at < members.length; at += 1) {
    const from = members[at] ?? '';
    const to = members[at + 1] === '-' ? members[at + 2] : undefined;
    ranges.push([from, to ?? from]);
    if (to !== undefined) at += 2;
  }
  return (character) => ranges.some(([from, to]) => from <= character && character <= to) !== negated;
}

/** `a{b,c}` as `ab` and `ac`; braces without a comma or a partner stand for themselves. */
function expandBraces(pattern: string): string[] {
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
