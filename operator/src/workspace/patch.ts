import { sameValue } from './equality.ts';

/**
 * The JSON merge patch that makes `before` say `after`: members that went away are null, those that stay are left out.
 * Objects are merged; lists are replaced as a whole.
 */
export function mergePatch(before: object | undefined, after: object): Record<string, unknown> {
  const patch: Record<string, unknown> = {};
  const old = (before ?? {}) as Record<string, unknown>;
  const next = after as Record<string, unknown>;
  for (const name of Object.keys(old)) if (next[name] === undefined) patch[name] = null;
  for (const [name, value] of Object.entries(next)) {
    if (value === undefined || sameValue(old[name], value)) continue;
    patch[name] =
      isObject(value) && isObject(old[name]) ? mergePatch(old[name] as object, value as object) : value;
  }
  return patch;
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
