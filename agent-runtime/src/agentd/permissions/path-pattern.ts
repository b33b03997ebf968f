import { posix } from 'node:path';

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
 * matches at any depth. A pattern that matches a folder matches everything below it.
 */
export function matchesPathPattern(spec: string, path: string, cwd: string, home: string): boolean {
  const { base, pattern } = anchor(spec, cwd, home);
  if (!isInside(path, base)) return false;
  const relative = posix.relative(base, path);
  const anchored = pattern.startsWith('/') || pattern.slice(0, -1).includes('/');
  const body = gitignoreSource(pattern.replace(/^\//, '').replace(/\/$/, ''));
  return new RegExp(`^${anchored ? '' : '(?:.*/)?'}${body}(?:/.*)?$`).test(relative);
}

function anchor(spec: string, cwd: string, home: string): { base: string; pattern: string } {
  if (spec.startsWith('//')) return { base: '/', pattern: spec.slice(1) };
  if (spec.startsWith('~/')) return { base: home, pattern: spec.slice(1) };
  if (spec.startsWith('./')) return { base: cwd, pattern: spec.slice(1) };
  return { base: home, pattern: spec };
}

function gitignoreSource(pattern: string): string {
  let source = '';
  for (let at = 0; at < pattern.length; at += 1) {
    const char = pattern[at] as string;
    if (pattern.startsWith('**/', at) && (at === 0 || pattern[at - 1] === '/')) {
      source += '(?:.*/)?';
      at += 2;
    } else if (pattern.startsWith('**', at)) {
      source += '.*';
      at += 1;
    } else if (char === '*') source += '[^/]*';
    else if (char === '?') source += '[^/]';
    else if (char === '[') {
      const set = /^\[(!|\^)?([^\]]+)\]/.exec(pattern.slice(at));
      source +=
        set === null
          ? '\\['
          : `[${set[1] === undefined ? '' : '^'}${(set[2] ?? '').replace(/[\\\]^]/g, '\\$&')}]`;
      at += (set?.[0].length ?? 1) - 1;
    } else source += char.replace(/[.+^${}()|\]\\]/g, '\\$&');
  }
  return source;
}
