import { expect, it } from 'vitest';
import { killContainer } from '../support/nodes.ts';
import { suite } from '../support/suite.ts';
import { type Pod, textOf } from '../support/workspaces.ts';

const here = suite('monitor');

/** Prints what is put into a file, once, whoever started it and however often. */
const command =
  'while :; do if [ -s news ]; then mv news taken && cat taken && rm taken; fi; sleep 0.2; done';

/** The lines that the session was told, in their order. */
async function told(): Promise<string[]> {
  const lines = await here.workspaces.transcript('watcher');
  return lines
    .filter((line) => 'toldOutput' in line)
    .flatMap((line) => textOf(line).match(/^line \d+$/gm) ?? []);
}
const toldSoon = (lines: string[]) => expect.poll(told, { timeout: 60_000, interval: 500 }).toEqual(lines);

it('tells each line once, across a sleep and a crash of the agent', async () => {
  const { workspaces, cluster } = here;
  await workspaces.create('watcher', { idle: { after: '5s' } });
  const input = { command, description: 'news', persistent: true, restartable: true, ignorable: true };
  await workspaces.ask('watcher', `tool Monitor ${JSON.stringify(input)}`);
  await workspaces.ask('watcher', 'run: echo line 1 >> news');
  await toldSoon(['line 1']);

  await workspaces.asleep('watcher');
  await workspaces.ask('watcher', 'run: echo line 2 >> news');
  await toldSoon(['line 1', 'line 2']);

  const message = await workspaces.send('watcher', 'run: echo line 3 >> news');
  await workspaces.messageIn(message, ['Working', 'Completed']);
  const pod = await cluster.get<Pod>(workspaces.pod('watcher'));
  if (pod === undefined) throw new Error('the workspace has no pod');
  await killContainer(pod, 'agent');
  await workspaces.answer(message);
  await toldSoon(['line 1', 'line 2', 'line 3']);
});
