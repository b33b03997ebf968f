import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const modules = fileURLToPath(new URL('../../node_modules/', import.meta.url));

/** The names of an npm package of this checkout and of all that it needs, as they lie in its `node_modules`. */
export function withDependencies(name: string, found = new Set<string>()): Set<string> {
  const path = `${modules}${name}/package.json`;
  // What is optional may be for another system.
  if (found.has(name) || !existsSync(path)) return found;
  found.add(name);
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(readFileSync(path, 'utf8'));
  for (const needed of Object.keys({ ...dependencies, ...optionalDependencies }))
    withDependencies(needed, found);
  return found;
}
