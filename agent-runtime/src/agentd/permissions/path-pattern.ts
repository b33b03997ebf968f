import { posix } from 'node:path';
import { PathPattern, PatternError } from '../../glob/path-pattern.ts';

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
  const { base, pattern } = anchor(spec, cwd, home);
  if (!isInside(path, base)) return false;
  const relative = posix.relative(base, path);
  const anchored = pattern.startsWith('/') || pattern.slice(0, -1).includes('/');
  const body = pattern.replace(/^\/+/, '').replace(/\/$/, '');
  try {
    return matchesSome(
      new PathPattern(anchored ? body : `**/${body}`),
      relative,
      body === '' || body === '**',
    );
  } catch (error) {
    if (error instanceof PatternError) return unusable;
    throw error;
  }
}

/** The path or a folder that it lies in. */
function matchesSome(pattern: PathPattern, relative: string, all: boolean): boolean {
  if (all) return true;
  let position: ReturnType<PathPattern['step']>['next'] = pattern.start();
  for (const name of relative.split('/')) {
    if (position === undefined) return false;
    const step = pattern.step(position, name);
    if (step.matched) return true;
    position = step.next;
  }
  return false;
}

function anchor(spec: string, cwd: string, home: string): { base: string; pattern: string } {
  if (spec.startsWith('//')) return { base: '/', pattern: spec.slice(1) };
  if (spec.startsWith('~/')) return { base: home, pattern: spec.slice(1) };
  if (spec.startsWith('./')) return { base: cwd, pattern: spec.slice(1) };
  return { base: home, pattern: spec };
}
