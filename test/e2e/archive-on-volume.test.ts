import { type AgentCheckpoint, type AgentWorkspace, apiVersion } from '@dormouse/crds';
import { expect, it } from 'vitest';
import { classLikeDefault } from '../support/classes.ts';
import { type KubernetesObject, reference } from '../support/cluster.ts';
import { nameAgain } from '../support/nodes.ts';
import { suite } from '../support/suite.ts';

const here = suite('archive-on-volume');

/** Going back when it went wrong, and what comes before it may: both on a volume without snapshots. */
it('a rewind without a bucket or snapshots goes by archives on the volume, which tools do not see', async () => {
  const { cluster, workspaces } = here;
  const { namespace } = workspaces;
  let image = '';
  await using keeping = await classLikeDefault(cluster, namespace, (spec) => {
    spec.archive = { volume: { quota: '64Mi' }, timeout: '5m' };
    image = spec.images.agent;
  });
  await workspaces.create('ada', { classRef: { name: keeping.name }, checkpoint: { archive: true } });
  const archived = async (name: string) => {
    const found = await cluster.waitFor<KubernetesObject & AgentCheckpoint>(
      reference(apiVersion, 'AgentCheckpoint', name, namespace),
      'archived',
      (it) => ['Completed', 'Failed'].includes(it?.status?.archive?.phase ?? ''),
      120_000,
    );
    expect(found?.status?.archive).toMatchObject({ phase: 'Completed', place: 'Volume' });
  };
  const rewind = async (name: string, to: string) => {
    await cluster.create({
      ...reference(apiVersion, 'AgentCheckpoint', name, namespace),
      spec: { workspaceRef: { name: 'ada' }, trigger: 'BeforeRewind', rewindTo: { name: to } },
    } as KubernetesObject);
    const found = await cluster.waitFor<KubernetesObject & AgentWorkspace>(
      workspaces.reference('ada'),
      `rewind ${name} ended`,
      (it) => {
        const { checkpoint, phase = '' } = it?.status?.rewind ?? {};
        return checkpoint === name && ['Completed', 'Failed'].includes(phase);
      },
      180_000,
    );
    expect(found?.status?.rewind?.message).toBeUndefined();
    expect(found?.status?.rewind).toMatchObject({ phase: 'Completed', to: { archive: { place: 'Volume' } } });
  };

  await workspaces.ask('ada', 'remember: the heron nests on the north bank');
  await workspaces.ask('ada', 'write notes.txt: three eggs');
  // What archives it may be there already.
  const asleep = await workspaces.inPhase('ada', 'Suspended', 90_000);
  const checkpoint = asleep.status?.checkpoint?.name ?? '';
  await archived(checkpoint);
  await workspaces.ask('ada', 'remember: the ferry is late');
  await workspaces.ask('ada', 'write notes.txt: four eggs');

  await rewind('ada-back', checkpoint);
  expect(await workspaces.ask('ada', 'run: cat notes.txt')).toContain('three eggs');
  const recalled = await workspaces.ask('ada', 'recall');
  expect(recalled).toContain('the heron nests on the north bank');
  expect(recalled).not.toContain('the ferry is late');
  const seen = await workspaces.ask(
    'ada',
    'run: find / -xdev -name "archive-*" 2>/dev/null; ls -a ~ ~/..; echo looked',
  );
  expect(seen).toContain('looked');
  expect(seen).not.toMatch(/archive-(home|state)/);

  await archived('ada-back');
  await rewind('ada-forth', 'ada-back');
  expect(await workspaces.ask('ada', 'run: cat notes.txt')).toContain('four eggs');
  expect(await workspaces.ask('ada', 'recall')).toContain('the ferry is late');

  // Another image of the agent: what was there before it ran is kept.
  const { sequence } = (await workspaces.inPhase('ada', 'Suspended', 90_000)).status?.checkpoint ?? {};
  const next = `${image}-next`;
  await nameAgain(cluster, image, next);
  const at = reference(apiVersion, 'AgentWorkspaceClass', keeping.name);
  await cluster.patch(at, { spec: { images: { agent: next } } });
  expect(await workspaces.ask('ada', 'recall')).toContain('the ferry is late');
  expect((await workspaces.get('ada')).status?.agentImage).toBe(next);
  const before = (await workspaces.checkpoints('ada')).find(({ spec }) => spec.trigger === 'BeforeUpgrade');
  expect(before?.status).toMatchObject({ phase: 'Completed', sequence });
});
