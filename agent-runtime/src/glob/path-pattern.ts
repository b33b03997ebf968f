import { expandBraces } from './braces.ts';

export { PatternError } from './braces.ts';

/** What is left of a pattern in some folder: for each alternative, the segments that may come next. */
export type Position = readonly ReadonlySet<number>[];

type Token =
  /** `unknown`: {@link unknownText}. */
  | { kind: 'star'; unknown?: true }
  /** `character`: the only one that it matches. `optional`: it may be none. */
  | { kind: 'one'; matches: (character: string) => boolean; character?: string; optional?: true };
type Segment = 'any-depth' | readonly Token[];

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

  /** The path, without a slash in front, where it matches no other. */
  get only(): string | undefined {
    const [segments, ...others] = this.#alternatives;
    if (segments === undefined || others.length > 0) return undefined;
    const names = segments.map((segment) => (segment === 'any-depth' ? undefined : textOf(segment)));
    return names.includes(undefined) ? undefined : names.join('/');
  }

  /**
   * Whether one of the paths that `other` matches is matched here, or lies in a folder that is: one whose name stands there in either pattern, as
   * any folder might have a name such as `*.pem`, and one that is called `*` any name. Yes in case of doubt: where two classes of characters meet, and where `spend` says that so many more steps are too many.
   */
  coversSome(other: PathPattern, spend: (steps: number) => boolean): boolean {
    return this.#alternatives.some((folders) =>
      other.#alternatives.some((path) => covers(folders, path, spend)),
    );
  }
}

/**
 * Stands in a pattern for a text that somebody knows, and not who asks. It is as `*`, but to a name with a `*` of its own, of which it is taken to hold
 * nothing that stands there, or to be empty: `src/$x.ts` may be `src/key.ts`, but is not taken for one of `*secret*`.
 */
export const unknownText = '\uE006';

/** A pattern that matches nothing but a path as it stands there. */
export function literalPattern(path: string): string {
  return path.replace(/[\\*?[\]{}]/g, '\\$&');
}

/** Tries all ways through two patterns that lead to a common path, each pair of places once. */
function covers(
  folders: readonly Segment[],
  path: readonly Segment[],
  spend: (steps: number) => boolean,
): boolean {
  return reaches(folders.length, path.length, spend, (at, of) => {
    const [folder, name] = [folders[at], path[of]];
    if (folder === undefined) return 'met';
    // At the end `**` is not the folder itself, but all that lies in it.
    if (folder === 'any-depth' && at === folders.length - 1 && name === undefined) return [];
    if (folder === 'any-depth' || name === 'any-depth')
      return [
        [1, 0],
        [0, 1],
      ];
    if (name === undefined) return [];
    const isLastFolder = at === folders.length - 1 && of < path.length - 1;
    const guessed = isLastFolder && isOpen(name) && (isOpen(folder) || name.length === 1);
    return !guessed && haveCommonName(folder, name, spend) ? [[1, 1]] : [];
  });
}

function textOf(segment: readonly Token[]): string | undefined {
  const characters = segment.map((token) => (token.kind === 'one' ? token.character : undefined));
  return characters.includes(undefined) ? undefined : characters.join('');
}

function isUnknown(token: Token): boolean {
  return token.kind === 'star' && token.unknown === true;
}

const nothingKnown: Token = {
  kind: 'one',
  matches: (character) => character === unknownText,
  character: unknownText,
  optional: true,
};

function isOpen(segment: readonly Token[]): boolean {
  return segment.some(({ kind }) => kind === 'star');
}

function haveCommonName(
  one: readonly Token[],
  written: readonly Token[],
  spend: (steps: number) => boolean,
): boolean {
  const other = isOpen(one) ? written.map((token) => (isUnknown(token) ? nothingKnown : token)) : written;
  return reaches(one.length, other.length, spend, (at, of) => {
    const [first, second] = [one[at], other[of]];
    if (first === undefined && second === undefined) return 'met';
    if (first?.kind === 'star' || second?.kind === 'star')
      return [
        [1, 0],
        [0, 1],
      ];
    const steps: Step[] = second?.optional === true ? [[0, 1]] : [];
    if (first !== undefined && second !== undefined && haveCommonCharacter(first, second)) steps.push([1, 1]);
    return steps;
  });
}

type One = Extract<Token, { kind: 'one' }>;

function haveCommonCharacter(one: One, other: One): boolean {
  if (one.character !== undefined) return other.matches(one.character);
  return other.character === undefined || one.matches(other.character);
}

/** How far to go on in each of two sequences. */
type Step = readonly [number, number];

/** Whether steps lead from the beginning of two sequences to a pair of places that is `met`. */
function reaches(
  length: number,
  otherLength: number,
  spend: (steps: number) => boolean,
  stepsFrom: (at: number, of: number) => 'met' | readonly Step[],
): boolean {
  const width = otherLength + 1;
  const seen = new Set([0]);
  const pending = [0];
  for (let place = pending.pop(); place !== undefined; place = pending.pop()) {
    if (!spend(1)) return true;
    const at = Math.floor(place / width);
    const of = place % width;
    const steps = stepsFrom(at, of);
    if (steps === 'met') return true;
    for (const [further, otherFurther] of steps) {
      const next = (at + further) * width + of + otherFurther;
      if (at + further > length || of + otherFurther > otherLength || seen.has(next)) continue;
      seen.add(next);
      pending.push(next);
    }
  }
  return false;
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
    else if (character === unknownText) found.push({ kind: 'star', unknown: true });
    else if (character === '?') one(() => true);
    else if (close > 0) {
      one(classOf(characters.slice(at + 1, close)));
      at = close;
    } else {
      const escaped = character === '\\' && at + 1 < characters.length;
      if (escaped) at += 1;
      const literal = characters[at] ?? '';
      found.push({ kind: 'one', matches: (other) => other === literal, character: literal });
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
