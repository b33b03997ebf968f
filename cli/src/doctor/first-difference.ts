/** Members that are words for people and change nothing. */
const words = new Set(['description']);

/** The path of the first place in which two JSON values differ, such as `properties.spec.default`; undefined: nowhere. */
export function firstDifference(a: unknown, b: unknown, path = ''): string | undefined {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    return a === b ? undefined : path || 'all of it';
  }
  const [left, right] = [a, b] as [Record<string, unknown>, Record<string, unknown>];
  for (const name of new Set([...Object.keys(left), ...Object.keys(right)])) {
    // A property may be called description as well; then it is an object.
    const isWord = words.has(name) && typeof (left[name] ?? right[name]) === 'string';
    if (isWord || (left[name] === undefined && right[name] === undefined)) continue;
    const found = firstDifference(left[name], right[name], path === '' ? name : `${path}.${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}
