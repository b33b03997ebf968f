/**
 * What the pages of this checkout name is there: the files that their links lead to, and the tests that docs/compatibility.md
 * says show a feature. Part of `npm run generate:check`.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = dirname(import.meta.dirname);
const compatibility = 'docs/compatibility.md';
/** Where the tests of its table are, unless they are named from the top. */
const tests = ['agent-runtime/src/agentd', '.'];

function pages(): string[] {
  const found = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.md'], {
    cwd: root,
    encoding: 'utf8',
  });
  return found.split('\n').filter((page) => page !== '' && !page.startsWith('test/tasks/'));
}

/** Links of a page to files that are not there. Those inside of code are examples. */
function brokenLinks(page: string): string[] {
  const text = readFileSync(join(root, page), 'utf8')
    .replace(/^```[\s\S]*?^```/gm, '')
    .replace(/`[^`\n]*`/g, '');
  const targets = [...text.matchAll(/\]\((?![a-z]+:)([^)#\s]+)/g)].map(([, target]) => target ?? '');
  return targets
    .filter((target) => !existsSync(join(root, dirname(page), decodeURIComponent(target))))
    .map((target) => `${page}: its link to ${target} leads nowhere`);
}

/** Rows of the first table that name a test which is not there, or none without saying why. */
function rowsWithoutTest(): string[] {
  const [, table = ''] = readFileSync(join(root, compatibility), 'utf8').split('| feature | shown by |');
  const [, , ...lines] = table.slice(0, table.indexOf('\n\n')).split('\n');
  const rows = lines.map((line) => line.slice(2).split(' | '));
  return rows.flatMap(([feature, shown = '', differs = '']) => {
    const named = [...shown.matchAll(/`([^`]+\.test\.ts)`/g)].map(([, file]) => file ?? '');
    if (named.length === 0 && (shown.trim() !== '-' || differs.replace(/[|\s-]/g, '') === ''))
      return [`${compatibility}: "${feature}" names no test, and no reason for it`];
    return named
      .filter((file) => !tests.some((folder) => existsSync(join(root, folder, file))))
      .map((file) => `${compatibility}: "${feature}" names ${file}, which is not there`);
  });
}

const problems = [...pages().flatMap(brokenLinks), ...rowsWithoutTest()];
for (const problem of problems) console.error(`error: ${problem}`);
process.exitCode = problems.length === 0 ? 0 : 1;
