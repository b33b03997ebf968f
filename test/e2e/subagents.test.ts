import { describe, expect, it } from 'vitest';
import { suite } from '../support/suite.ts';

const here = suite('subagents');
const call = (prompt: string, more: object = {}) =>
  `tool Agent ${JSON.stringify({ description: 'a task', prompt, ...more })}`;
const transcripts = '/var/lib/dormouse/transcripts/default/subagents';

describe.concurrent('a subagent', () => {
  it('works in the pod, and the agent may read what it did', async () => {
    const { workspaces } = here;
    await workspaces.create('front');
    expect(await workspaces.ask('front', call('run: id -u'))).toMatch(/^1000\n/);
    expect(await workspaces.ask('front', `run: cat ${transcripts}/agent-*.jsonl`)).toContain(
      '"isSidechain":true',
    );
  });

  it('in the background keeps the workspace awake, which sleeps when the agent has been told of its end', async () => {
    const { workspaces } = here;
    await workspaces.create('back');
    await workspaces.ask('back', call('run: sleep 15; date +%s > ended', { run_in_background: true }));
    await workspaces.condition('back', 'Asleep', 'False', 'Busy', 30_000);
    const slept = await workspaces.asleep('back');
    const ended = Number((await workspaces.ask('back', 'run: cat ended')).match(/\d{10}/)?.[0]);
    expect(Date.parse(slept.status?.checkpoint?.completedAt ?? '') / 1000).toBeGreaterThanOrEqual(ended);
    const main = await workspaces.ask(
      'back',
      `run: grep -c '[,]"toldBackground":' /var/lib/dormouse/transcripts/default.jsonl`,
    );
    expect(main.trim()).toBe('1');
  });
});
