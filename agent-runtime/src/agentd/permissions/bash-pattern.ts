/**
 * Whether a simple command matches the specifier of a `Bash(…)` rule. `*` stands for any text, spaces too; `:*` and ` *` at
 * the end are a prefix that ends at a word: `npm run:*` matches `npm run` and `npm run test`, not `npm runx`.
 */
export function matchesBashPattern(spec: string, command: string): boolean {
  const prefix = spec.endsWith(':*')
    ? spec.slice(0, -2)
    : spec.endsWith(' *')
      ? spec.slice(0, -2)
      : undefined;
  const source = (prefix ?? spec)
    .trim()
    .split(/\*+/)
    .map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\s+/g, '\\s+'))
    .join('[\\s\\S]*?');
  return new RegExp(`^${source}${prefix === undefined ? '' : '(?:\\s[\\s\\S]*)?'}$`).test(command);
}
