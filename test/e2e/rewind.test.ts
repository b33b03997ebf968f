import { type AgentCheckpoint, type AgentWorkspace, apiVersion, workspaceLabel } from '@dormouse/crds';
import { describe, expect, it, type TestContext } from 'vitest';
import { type KubernetesObject, reference } from '../support/cluster.ts';
import { needSnapshots } from '../support/snapshots.ts';
import { suite } from '../support/suite.ts';
import { occurrences, textOf, type WorkspaceInput } from '../support/workspaces.ts';

const here = suite('rewind');
const withSnapshots: WorkspaceInput = { checkpoint: { volumeSnapshotClassName: 'standard' } };

/** Asks for a rewind, as `kubectl create` would. */
async function ask(name: string, workspace: string, to: string): Promise<void> {
  const { cluster, workspaces } = here;
  await cluster.create({
    apiVersion,
    kind: 'AgentCheckpoint',
    metadata: { name, namespace: workspaces.namespace },
    spec: { workspaceRef: { name: workspace }, trigger: 'BeforeRewind', rewindTo: { name: to } },
  } as KubernetesObject);
}

/** Waits until the rewind that the AgentCheckpoint asked for is over. */
async function ended(request: string, workspace: string): Promise<AgentWorkspace> {
  const found = await here.cluster.waitFor<KubernetesObject & AgentWorkspace>(
    here.workspaces.reference(workspace),
    `rewind ${request} ended`,
    (it) => {
      const rewind = it?.status?.rewind;
      return rewind?.checkpoint === request && ['Completed', 'Failed'].includes(rewind.phase);
    },
    90_000,
  );
  return found as AgentWorkspace;
}

async function rewind(request: string, workspace: string, to: string): Promise<AgentWorkspace> {
  await ask(request, workspace, to);
  return ended(request, workspace);
}

const claimsOf = (workspace: string) =>
  here.cluster.list('v1', 'PersistentVolumeClaim', {
    namespace: here.workspaces.namespace,
    labelSelector: `${workspaceLabel}=${workspace}`,
  });

/** Works, sleeps, works on: the name of the checkpoint in between. */
async function workedOn(name: string): Promise<string> {
  const { workspaces } = here;
  await workspaces.create(name, withSnapshots);
  await workspaces.ask(name, 'remember: the heron nests on the north bank');
  await workspaces.ask(name, 'write notes.txt: three eggs');
  const checkpoint = (await workspaces.asleep(name)).status?.checkpoint?.name ?? '';
  await workspaces.ask(name, 'remember: the ferry is late');
  await workspaces.ask(name, 'write notes.txt: four eggs');
  return checkpoint;
}

describe('a rewind', () => {
  it('brings files and conversation back to a checkpoint, and a second one to where they were', async (context: TestContext) => {
    await needSnapshots(here.cluster, context);
    const { cluster, workspaces } = here;
    const checkpoint = await workedOn('ada');
    const sequence = await workspaces.sequence(checkpoint);
    await ask('ada-back', 'ada', checkpoint);
    await cluster.waitFor<KubernetesObject & AgentWorkspace>(
      workspaces.reference('ada'),
      'being rewound',
      (it) => it?.status?.rewind !== undefined,
    );
    // Not lost, and asked of the workspace as it is after the rewind.
    const recall = await workspaces.send('ada', 'recall');
    const rewound = await ended('ada-back', 'ada');
    expect(rewound.status?.rewind).toMatchObject({
      phase: 'Completed',
      to: { checkpoint, sequence, volumeSnapshot: checkpoint },
      previousClaim: 'ada',
    });
    const recalled = await workspaces.answer(recall);
    expect(recalled).toContain('the heron nests on the north bank');
    expect(recalled).not.toContain('the ferry is late');
    expect(await workspaces.ask('ada', 'run: cat notes.txt')).toContain('three eggs');
    const transcript = await workspaces.transcript('ada');
    expect(
      transcript.filter((line) => textOf(line).includes(`was rewound to its checkpoint ${sequence},`)),
    ).toHaveLength(1);
    expect(occurrences(transcript, 'user', 'remember: the heron')).toBe(1);
    // What was answered after that moment stays answered, and is not asked again.
    for (const message of ['ada-1', 'ada-2', 'ada-3', 'ada-4'])
      expect((await workspaces.messageIn(message, ['Completed'])).status?.reply?.text).toBeDefined();
    expect(occurrences(transcript, 'user', 'the ferry is late')).toBe(0);
    await expect
      .poll(() => claimsOf('ada').then((all) => all.map(({ metadata }) => metadata.name)), {
        timeout: 30_000,
      })
      .toEqual([rewound.status?.claimName]);

    const again = await rewind('ada-forth', 'ada', 'ada-back');
    expect(again.status?.rewind).toMatchObject({
      phase: 'Completed',
      previousClaim: rewound.status?.claimName,
    });
    expect(await workspaces.ask('ada', 'run: cat notes.txt')).toContain('four eggs');
    expect(await workspaces.ask('ada', 'recall')).toContain('the ferry is late');

    const slept = await workspaces.asleep('ada');
    const numbers = (await workspaces.checkpoints('ada')).map(({ status }) => status?.sequence ?? 0);
    expect(slept.status?.checkpoint?.sequence).toBe(Math.max(...numbers));
    expect(await workspaces.ask('ada', 'run: cat notes.txt')).toContain('four eggs');
    await cluster.delete(workspaces.reference('ada'));
    await expect.poll(() => claimsOf('ada'), { timeout: 60_000 }).toEqual([]);
  });

  it('wakes a workspace that sleeps, and keeps what it slept with, which had no snapshot yet', async (context: TestContext) => {
    await needSnapshots(here.cluster, context);
    const { cluster, workspaces } = here;
    const checkpoint = await workedOn('ida');
    const noSnapshots = { spec: { checkpoint: { volumeSnapshotClassName: null } } };
    await cluster.patch(workspaces.reference('ida'), noSnapshots);
    await workspaces.asleep('ida');
    await cluster.patch(workspaces.reference('ida'), { spec: { ...withSnapshots, runPolicy: 'Suspended' } });
    expect((await rewind('ida-back', 'ida', checkpoint)).status?.rewind?.phase).toBe('Completed');
    await workspaces.asleep('ida');
    await cluster.patch(workspaces.reference('ida'), { spec: { runPolicy: 'Auto' } });
    expect(await workspaces.ask('ida', 'run: cat notes.txt')).toContain('three eggs');
    expect((await rewind('ida-forth', 'ida', 'ida-back')).status?.rewind?.phase).toBe('Completed');
    expect(await workspaces.ask('ida', 'run: cat notes.txt')).toContain('four eggs');
  });

  it('is refused where the checkpoint has no files, with what to do', async (context: TestContext) => {
    await needSnapshots(here.cluster, context);
    const { cluster, workspaces } = here;
    await workspaces.create('eva');
    await workspaces.ask('eva', 'say: hello');
    const checkpoint = (await workspaces.asleep('eva')).status?.checkpoint?.name ?? '';
    await cluster.patch(workspaces.reference('eva'), { spec: withSnapshots });
    await ask('eva-back', 'eva', checkpoint);
    const refused = await cluster.waitFor<KubernetesObject & AgentCheckpoint>(
      reference(apiVersion, 'AgentCheckpoint', 'eva-back', workspaces.namespace),
      'refused',
      (it) => it?.status?.phase === 'Failed',
    );
    expect(refused?.status).toMatchObject({ reason: 'RewindRefused' });
    expect(refused?.status?.message).toContain('has no VolumeSnapshot');
    expect(await workspaces.ask('eva', 'say: still here')).toContain('still here');
  });
});
