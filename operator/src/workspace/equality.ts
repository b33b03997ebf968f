/** Whether two JSON values say the same; an absent member is like an undefined one, the order of members does not count. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b))
    return (
      Array.isArray(a) &&
      Array.isArray(b) &&
      a.length === b.length &&
      a.every((each, index) => sameValue(each, b[index]))
    );
  const one = a as Record<string, unknown>;
  const other = b as Record<string, unknown>;
  for (const name of Object.keys(one)) if (!sameValue(one[name], other[name])) return false;
  for (const name of Object.keys(other)) if (!(name in one) && other[name] !== undefined) return false;
  return true;
}
