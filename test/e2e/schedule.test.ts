import type { AgentWorkspace } from '@dormouse/crds';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { classLikeDefault } from '../support/classes.ts';
import type { KubernetesObject } from '../support/cluster.ts';
import { suite } from '../support/suite.ts';

const here = suite('schedule');
let eager: AsyncDisposable & { name: string };

beforeAll(async () => {
  const { cluster, workspaces } = here;
  eager = await classLikeDefault(cluster, workspaces.namespace, (spec) => {
    spec.schedules = { most: 2, minInterval: '10s' };
  });
});
afterAll(async () => {
  await eager?.[Symbol.asyncDispose]();
});

describe('a prompt that an agent scheduled', () => {
  it('is given after a sleep that nobody ended, and the workspace sleeps again', async () => {
    const { workspaces, witness } = here;
    await workspaces.create('later', { classRef: { name: eager.name } });
    await workspaces.ask(
      'later',
      'remember: the plan\ntool ScheduleWakeup {"delaySeconds": 60, "prompt": "write woken.txt: yes"}',
    );
    const asleep = await workspaces.asleep('later');
    const due = Date.parse(asleep.status?.nextWakeAt ?? '');
    expect(due).toBeGreaterThan(Date.parse(asleep.status?.suspendedSince ?? ''));
    const again = await here.cluster.waitFor<KubernetesObject & AgentWorkspace>(
      workspaces.reference('later'),
      'asleep a second time',
      (workspace) =>
        workspace?.status?.phase === 'Suspended' &&
        workspace.status.checkpoint?.name !== asleep.status?.checkpoint?.name,
      120_000,
    );
    expect(again?.status?.nextWakeAt).toBeUndefined();
    expect(witness.made('later')).toBe(2);
    expect(await workspaces.ask('later', 'read woken.txt\nrecall')).toMatch(/yes[\s\S]*the plan/);
  });
});
