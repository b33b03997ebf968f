/** Small real tasks, done by an agent in a real pod: `npm run tasks -- --help`. */
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { classLikeDefault } from '../support/classes.ts';
import { connect } from '../support/cluster.ts';
import { Workspaces } from '../support/workspaces.ts';
import type { Result } from './attempt.ts';
import { runTasks } from './run.ts';
import { readTasks } from './task.ts';

const help = `Usage: npm run tasks -- [options] [NAME…]

Has an agent do the tasks of test/tasks, or those named, in a workspace of the cluster that KUBECONFIG names, and prints a table.

  --model NAME        a model that is told what is wanted. Default: the class's own, which must be the scripted one, and is told
                      what to do
  --key-secret NAME   with --model: the Secret in the namespace of the release that holds the provider's key (api-key)
  --base-url URL      with --model: of the provider (default https://api.anthropic.com)
  --limit SECONDS     for each task (default 600 with --model, otherwise 120)
  --json              the results as one JSON line each
  --help              this text

It takes the right to make namespaces, and classes with --model, and removes what it made. Exit status 1: a task was not done;
2: could not try.
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: 'string' },
    'key-secret': { type: 'string' },
    'base-url': { type: 'string', default: 'https://api.anthropic.com' },
    limit: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

async function main(): Promise<number> {
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const { model, 'key-secret': keySecret, 'base-url': baseUrl } = values;
  if ((model === undefined) !== (keySecret === undefined))
    throw new TypeError('--model and --key-secret belong together: the model is asked with that key');
  const seconds = Number(values.limit ?? (model === undefined ? 120 : 600));
  if (!(seconds > 0)) throw new TypeError(`--limit takes seconds, not "${values.limit}"`);
  const tasks = await readTasks(positionals);
  await using open = new AsyncDisposableStack();
  const cluster = open.use(connect());
  const namespace = open.use(await cluster.namespace('tasks'));
  const ofModel =
    model === undefined || keySecret === undefined
      ? undefined
      : open.use(
          await classLikeDefault(cluster, `tasks-${randomBytes(3).toString('hex')}`, (spec) => {
            spec.model = { baseUrl, default: model, secretRef: { name: keySecret, key: 'api-key' } };
          }),
        );
  const workspaces = new Workspaces(cluster, namespace.name);
  const results = await runTasks(workspaces, tasks, {
    scripted: model === undefined,
    ...(ofModel !== undefined && { spec: { classRef: { name: ofModel.name } } }),
    limit: seconds * 1000,
    onResult: ({ task, passed }) => process.stderr.write(`${passed ? 'passed' : 'FAILED'}  ${task}\n`),
  });
  process.stdout.write(
    values.json ? results.map((each) => `${JSON.stringify(each)}\n`).join('') : table(results),
  );
  return results.every(({ passed }) => passed) ? 0 : 1;
}

function table(results: readonly Result[]): string {
  const row = (...cells: (string | number)[]) =>
    `${String(cells[0]).padEnd(20)} ${cells
      .slice(1)
      .map((cell) => String(cell).padStart(8))
      .join(' ')}\n`;
  const total = (of: (result: Result) => number) => results.reduce((sum, each) => sum + of(each), 0);
  const passed = `${total((each) => Number(each.passed))}/${results.length}`;
  return [
    row('task', 'passed', 'turns', 'tokens', 'seconds'),
    ...results.map(({ task, passed, turns, tokens, seconds }) =>
      row(task, passed ? 'yes' : 'NO', turns, tokens, seconds),
    ),
    row(
      '',
      passed,
      total(({ turns }) => turns),
      total(({ tokens }) => tokens),
      '',
    ),
    ...results.flatMap(({ task, why }) => (why === undefined ? [] : [`\n${task}: ${why}\n`])),
  ].join('');
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
