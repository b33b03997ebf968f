import { type AgentWorkspace, apiVersion } from '@dormouse/crds';
import { expect, it } from 'vitest';
import { type KubernetesObject, reference } from '../support/cluster.ts';
import { ask, keeper, said } from '../support/keeper.ts';
import { needSnapshots } from '../support/snapshots.ts';
import { suite } from '../support/suite.ts';
import type { WorkspaceInput } from '../support/workspaces.ts';

const here = suite('images-elsewhere');

const literal: WorkspaceInput = {
  classRef: { name: 'literal-resume' },
  checkpoint: { processes: 'Restore', volumeSnapshotClassName: 'standard' },
  services: [keeper('memory', 8080)],
};

it('processes go on in a fork, with its own way out, and come back with a rewind', async (context) => {
  await needSnapshots(here.cluster, context);
  const { cluster, workspaces } = here;
  await workspaces.create('origin', literal);
  const first = said(await workspaces.ask('origin', ask(8080, '/keep/heron')));
  expect(first).toContain('keeps heron');
  const environment = await workspaces.ask('origin', 'run: env | grep -i _proxy=');
  expect(environment).toContain('HTTPS_PROXY=http://127.0.0.1:7071');
  expect(environment).not.toContain('@');
  const checkpoint = (await workspaces.asleep('origin')).status?.checkpoint?.name ?? '';

  await workspaces.create('branch', { ...literal, source: { checkpointRef: { name: checkpoint } } });
  expect(said(await workspaces.ask('branch', ask(8080)))).toBe(first);
  await workspaces.processesRestored('branch', 'True', 'Forked', /service memory/);
  // As itself: the refusal is that of the fork.
  expect(await workspaces.ask('branch', 'run: curl -sS https://example.com 2>&1 | head -n 3')).toContain(
    '403',
  );
  await workspaces.ask('branch', ask(8080, '/keep/egret'));
  await workspaces.asleep('branch');
  expect(said(await workspaces.ask('branch', ask(8080)))).toContain('keeps egret');

  await workspaces.ask('origin', ask(8080, '/keep/stork'));
  await cluster.create({
    ...reference(apiVersion, 'AgentCheckpoint', 'back', workspaces.namespace),
    spec: { workspaceRef: { name: 'origin' }, trigger: 'BeforeRewind', rewindTo: { name: checkpoint } },
  } as KubernetesObject);
  const rewound = await cluster.waitFor<KubernetesObject & AgentWorkspace>(
    workspaces.reference('origin'),
    'rewound',
    (it) => ['Completed', 'Failed'].includes(it?.status?.rewind?.phase ?? ''),
    120_000,
  );
  expect(rewound?.status?.rewind).toMatchObject({ phase: 'Completed' });
  expect(said(await workspaces.ask('origin', ask(8080)))).toBe(first);
});
