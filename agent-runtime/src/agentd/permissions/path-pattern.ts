import { posix } from 'node:path';
import { literalPattern, PathPattern, PatternError } from '../../glob/path-pattern.ts';
import type { Effort } from './effort.ts';

/** An absolute, normalised path. `~` is the home; the rest is taken from `cwd`. Links are not followed: there is no file system here. */
export function resolvePath(path: string, cwd: string, home: string): string {
  if (path === '~' || path.startsWith('~/')) return posix.join(home, path.slice(1));
  return posix.resolve(cwd, path);
}

export function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

/**
 * Whether an absolute path matches the specifier of a `Read(…)` or `Edit(…)` rule, a gitignore pattern: `//abs` from the
 * root, `~/x` and `/x` from the home, `./x` from `cwd`; a pattern with a slash inside is anchored at the home, one without
 * matches at any depth. A pattern that matches a folder matches everything below it. `unusable` is the answer where the pattern has
 * too many alternatives.
 */
export function matchesPathPattern(
  spec: string,
  path: string,
  cwd: string,
  home: string,
  unusable = false,
): boolean {
  const { base, body } = anchored(spec, cwd, home);
  if (!isInside(path, base)) return false;
  if (body === '') return true;
  try {
    return matchesSome(new PathPattern(body), posix.relative(base, path));
  } catch (error) {
    if (error instanceof PatternError) return unusable;
    throw error;
  }
}

/** As {@link matchesPathPattern}, of one of the absolute paths that patterns stand for; in case of doubt, yes. */
export function meetsPathPattern(
  spec: string,
  paths: readonly PathPattern[],
  cwd: string,
  home: string,
  effort: Effort,
): boolean {
  const { base, body } = anchored(spec, cwd, home);
  try {
    const rule = new PathPattern(`${literalPattern(base)}/${body}`);
    return paths.some((each) => rule.coversSome(each, (steps) => effort.spend(steps)));
  } catch (error) {
    if (error instanceof PatternError) return true;
    throw error;
  }
}

/** The path or a folder that it lies in. */
function matchesSome(pattern: PathPattern, relative: string): boolean {
  let position: ReturnType<PathPattern['step']>['next'] = pattern.start();
  for (const name of relative.split('/')) {
    if (position === undefined) return false;
    const step = pattern.step(position, name);
    if (step.matched) return true;
    position = step.next;
  }
  return false;
}

/** The folder that a specifier counts from, and its pattern in there; an empty one is all of it. */
function anchored(spec: string, cwd: string, home: string): { base: string; body: string } {
  const { base, pattern } = anchor(spec, cwd, home);
  const body = pattern.replace(/^\/+/, '').replace(/\/$/, '');
  if (body === '' || body === '**') return { base, body: '' };
  const fixed = pattern.startsWith('/') || pattern.slice(0, -1).includes('/');
  return { base, body: fixed ? body : `**/${body}` };
}

function anchor(spec: string, cwd: string, home: string): { base: string; pattern: string } {
  if (spec.startsWith('//')) return { base: '/', pattern: spec.slice(1) };
  if (spec.startsWith('~/')) return { base: home, pattern: spec.slice(1) };
  if (spec.startsWith('./')) return { base: cwd, pattern: spec.slice(1) };
  return { base: home, pattern: spec };
}
