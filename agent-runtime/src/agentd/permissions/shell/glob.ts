import type { Effort } from '../effort.ts';
import { anything } from './text.ts';

/** The specifier of a `Bash(…)` rule: patterns of which one must match. */
export function bashPatterns(spec: string): string[] {
  const plain = (text: string) => text.trim().replace(/\s+/g, ' ').replace(/\*+/g, '*');
  // A prefix that ends at a word.
  if (/(?::| )\*$/.test(spec)) {
    const prefix = plain(spec.slice(0, -2));
    return [prefix, `${prefix} *`];
  }
  return [plain(spec)];
}

/**
 * Whether a pattern, in which `*` is any text, may match a text in which {@link anything} is any text, from `start` to the end.
 * Follows all ways through the pattern side by side, so it takes no more than their product.
 */
export function mayMatch(pattern: string, text: string, start: number, effort: Effort): boolean {
  let states = closure(pattern, [0]);
  for (let at = start; at < text.length; at += 1) {
    if (!effort.spend(states.length)) return true;
    const char = text[at] as string;
    if (char === anything) {
      const first = states[0] as number;
      states = Array.from({ length: pattern.length - first + 1 }, (_, index) => first + index);
      continue;
    }
    const next: number[] = [];
    for (const state of states) {
      if (pattern[state] === '*') next.push(state);
      else if (pattern[state] === char) next.push(state + 1);
    }
    if (next.length === 0) return false;
    states = closure(pattern, next);
  }
  return states.at(-1) === pattern.length;
}

/** Adds what is reached by letting a `*` stand for nothing; in order, each once. */
function closure(pattern: string, states: readonly number[]): number[] {
  const reached: number[] = [];
  let last = -1;
  for (const from of states) {
    for (let state = from; ; state += 1) {
      if (state > last) {
        reached.push(state);
        last = state;
      }
      if (pattern[state] !== '*') break;
    }
  }
  return reached;
}
