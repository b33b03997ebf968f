import { describe, expect, it } from 'vitest';
import { suite } from '../support/suite.ts';

const here = suite('busy');

describe.concurrent('a busy workspace does not sleep', () => {
  it('while a turn streams for longer than idle.after', async () => {
    const { workspaces, witness } = here;
    await workspaces.create('turn');
    expect(await workspaces.ask('turn', 'wait: 14')).toBeTruthy();
    expect(witness.made('turn')).toBe(1);
    expect((await workspaces.get('turn')).status?.checkpoint).toBeUndefined();
  });

  it('while a tool call runs for longer than idle.after', async () => {
    const { workspaces, witness } = here;
    await workspaces.create('tool');
    expect(await workspaces.ask('tool', 'run: sleep 14; echo finished')).toContain('finished');
    expect(witness.made('tool')).toBe(1);
    expect((await workspaces.get('tool')).status?.checkpoint).toBeUndefined();
  });

  it('while a background task runs, and sleeps after it ended', async () => {
    const { workspaces } = here;
    await workspaces.create('background');
    await workspaces.ask(
      'background',
      'tool Bash {"command": "sleep 15; date +%s > ended", "run_in_background": true}',
    );
    await workspaces.condition('background', 'Asleep', 'False', 'Busy', 30_000);
    const slept = await workspaces.asleep('background');
    const ended = Number((await workspaces.ask('background', 'run: cat ended')).match(/\d{10}/)?.[0]);
    expect(Date.parse(slept.status?.checkpoint?.completedAt ?? '') / 1000).toBeGreaterThanOrEqual(ended);
  });

  it('and what only makes noise does not keep it awake', async () => {
    const { workspaces } = here;
    await workspaces.create('noise', {
      services: [
        {
          name: 'redraw',
          command: ['bash', '-c', 'while :; do printf "\\033[H%s" "$(date)"; sleep 0.1; done'],
          restart: 'Always',
        },
      ],
    });
    await workspaces.ask(
      'noise',
      'tool Bash {"command": "while :; do date; sleep 0.1; done", "run_in_background": true, "ignorable": true}',
    );
    await workspaces.asleep('noise', 60_000);
  });
});
