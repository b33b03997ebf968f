/** A value with what `${path.to.field}` stands for in its texts, as `told` has it; nothing where it has no such field. */
export function filledIn(value: unknown, told: unknown): unknown {
  if (typeof value === 'string')
    return value.replace(/\$\{([\w-]+(?:\.[\w-]+)*)\}/g, (_, path: string) => textAt(told, path.split('.')));
  if (Array.isArray(value)) return value.map((each) => filledIn(each, told));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, filledIn(each, told)]));
}

function textAt(told: unknown, path: readonly string[]): string {
  let found = told;
  for (const name of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return '';
    found = (found as Record<string, unknown>)[name];
  }
  if (found === undefined || found === null) return '';
  return typeof found === 'string' ? found : JSON.stringify(found);
}
