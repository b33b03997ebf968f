import type { AgentWorkspace } from '@dormouse/crds';
import { describe, expect, it, type TestContext } from 'vitest';
import type { KubernetesObject } from '../support/cluster.ts';
import { commandLine } from '../support/command-line.ts';
import { needSnapshots } from '../support/snapshots.ts';
import { suite } from '../support/suite.ts';

const here = suite('cli-checkpoints');
const { dormouse, succeed } = commandLine(here);

describe('the command line', () => {
  it('takes checkpoints, forks from them, goes back and forth, and deletes what nothing needs', async (context: TestContext) => {
    await needSnapshots(here.cluster, context);
    const { workspaces } = here;
    const options = ['--idle', '10m', '--permission-mode', 'bypassPermissions'];
    await succeed('new', 'ada', ...options, '--snapshot-class', 'standard');
    await succeed('send', 'ada', 'write notes.txt: three eggs');
    expect(await dormouse(['checkpoint', 'ada', '--snapshot'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^sha256:[0-9a-f]{64}\n$/),
      stderr: expect.stringContaining('number 1'),
    });
    await succeed('send', 'ada', 'write notes.txt: four eggs');

    await succeed('new', 'eva', '--from', 'ada', '--checkpoint', '1');
    expect(await succeed('send', 'eva', 'run: cat notes.txt')).toContain('three eggs');
    expect(await succeed('checkpoints', 'ada')).toMatch(
      /^ada-manual-\w+ +Manual +Completed +1 .*ready +- +eva /m,
    );

    const { code, stdout, stderr } = await dormouse(['rewind', 'ada', '--to', '1']);
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^ada is at checkpoint 1 \(ada-manual-\w+\)\n$/);
    const [, back = ''] = /^The way back: {2}dormouse rewind ada --to (\S+) /m.exec(stderr) ?? [];
    expect(await succeed('send', 'ada', 'run: cat notes.txt')).toContain('three eggs');
    expect(await succeed('checkpoints', 'ada', '-o', 'wide')).toMatch(
      new RegExp(`^${back} +BeforeRewind +Completed +2 .*the way back from the last rewind`, 'm'),
    );
    expect(await dormouse(['checkpoints', 'ada', '--delete', back])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('the way back'),
    });
    expect(await succeed('describe', 'ada')).toMatch(/^Rewind: +to ada-manual-\w+, Completed/m);

    expect(await succeed('rewind', 'ada', '--to', back)).toContain('ada is at checkpoint 2');
    expect(await succeed('send', 'ada', 'run: cat notes.txt')).toContain('four eggs');
    expect(await succeed('checkpoints', 'ada', '--delete', '1')).toMatch(/ada-manual-\w+ deleted/);
    expect(await succeed('send', 'eva', 'run: cat notes.txt')).toContain('three eggs');
    expect((await workspaces.get('eva')).status?.forkedFrom?.sequence).toBe(1);
    expect(await dormouse(['rewind', 'ada', '--to', '1'])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('dormouse checkpoints ada'),
    });
  });
});

describe('a schedule', () => {
  it('takes checkpoints of a workspace that is awake', async () => {
    const { cluster, workspaces } = here;
    const schedule = { cron: '* * * * *', timeZone: 'Europe/Berlin', volumeSnapshot: false };
    await workspaces.create('ida', { runPolicy: 'Always', checkpoint: { schedule } });
    await workspaces.ask('ida', 'say: hello');
    expect(await workspaces.condition('ida', 'CheckpointsScheduled', 'True', 'Scheduled')).not.toBe('');
    await cluster.waitFor<KubernetesObject & AgentWorkspace>(
      workspaces.reference('ida'),
      'a checkpoint that was due',
      (it) => it?.status?.schedule?.last !== undefined && it.status.checkpoint !== undefined,
      90_000,
    );
    const taken = await workspaces.checkpoints('ida');
    expect(taken).toMatchObject([{ spec: { trigger: 'Schedule' }, status: { phase: 'Completed' } }]);
    expect(taken[0]?.metadata.name).toMatch(/^ida-at-\d{12}$/);
  });
});
