/**
 * Writes what is derived from the kinds: `node crds/src/generate.ts`. With `--check` it writes nothing and fails where a
 * file is stale, missing or left over.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generatedFiles } from './generated-files.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Folders that hold generated files and nothing else; what is in them and not generated any more goes away. */
const owned = ['crds/generated', 'charts/dormouse/templates/crds', 'docs/reference'];

/** Written beside ours by another generator. */
const foreign = ['docs/reference/cli.md'];

const files = generatedFiles();
const leftOver = owned
  .flatMap((folder) => entries(folder).map((name) => `${folder}/${name}`))
  .filter((path) => !files.has(path) && !foreign.includes(path));
const stale = [...files].filter(([path, content]) => contentOf(path) !== content);

if (process.argv.includes('--check')) {
  const wrong = [...stale.map(([path]) => `${path}: stale`), ...leftOver.map((path) => `${path}: left over`)];
  if (wrong.length > 0) {
    console.error(
      `${wrong.join('\n')}\n\nThese files do not match the kinds in crds/src. Run: npm run generate`,
    );
    process.exitCode = 1;
  }
} else {
  for (const [path, content] of stale) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
    console.log(`wrote ${path}`);
  }
  for (const path of leftOver) {
    rmSync(join(root, path));
    console.log(`removed ${path}`);
  }
}

function entries(folder: string): string[] {
  try {
    return readdirSync(join(root, folder));
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
