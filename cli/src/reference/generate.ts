/**
 * Writes the reference of the command line: `node cli/src/reference/generate.ts`. With `--check` it writes nothing and fails
 * where the page is stale.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { program } from '../program.ts';
import { noSurroundings } from './no-surroundings.ts';
import { referencePage } from './page.ts';

const path = 'docs/reference/cli.md';
const file = fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const page = referencePage(program(noSurroundings));
const isCurrent = existsSync(file) && readFileSync(file, 'utf8') === page;

if (process.argv.includes('--check')) {
  if (!isCurrent) {
    console.error(`${path}: stale\n\nIt does not match the commands in cli/src. Run: npm run generate`);
    process.exitCode = 1;
  }
} else if (!isCurrent) {
  writeFileSync(file, page);
  console.log(`wrote ${path}`);
}
