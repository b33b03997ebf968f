import { beforeAll, describe, expect, it } from 'vitest';
import { onNode } from '../support/nodes.ts';
import { suite } from '../support/suite.ts';
import { occurrences } from '../support/workspaces.ts';

const here = suite('node');

/** Two workspaces for every restart: one in the middle of a tool call, one asleep and about to be woken. */
describe('a restart under way changes nothing but latency', () => {
  const nodes = { controlPlane: '', worker: '' };

  beforeAll(async () => {
    for (const { metadata } of await here.cluster.list('v1', 'Node')) {
      const controls = metadata.labels?.['node-role.kubernetes.io/control-plane'] !== undefined;
      nodes[controls ? 'controlPlane' : 'worker'] = metadata.name;
    }
    const { workspaces } = here;
    await Promise.all([workspaces.create('worker', { runPolicy: 'Always' }), workspaces.create('sleeper')]);
    await Promise.all([
      workspaces.ask('worker', 'say: ready'),
      workspaces.ask('sleeper', 'remember: the first thing'),
    ]);
  });

  async function survives(what: string, restart: () => Promise<unknown>): Promise<void> {
    const { workspaces, witness } = here;
    await workspaces.asleep('sleeper', 120_000);
    const madeBefore = witness.made('worker');
    const working = await workspaces.send('worker', `run: echo ${what} >> ${what}; sleep 6; wc -l < ${what}`);
    await workspaces.messageIn(working, ['Working']);
    await restart();
    const woken = await retried(() => workspaces.send('sleeper', `remember: ${what}`));
    expect(await workspaces.answer(working, 150_000)).toMatch(/\b1\b/);
    await workspaces.answer(woken, 150_000);
    const recalled = await workspaces.ask('sleeper', 'recall');
    expect(recalled).toContain('the first thing');
    expect(recalled).toContain(what);
    expect(occurrences(await workspaces.transcript('sleeper'), 'user', `remember: ${what}`)).toBe(1);
    expect(witness.made('worker')).toBe(madeBefore);
  }

  /** The API server is away for a moment: a user would try again as well. */
  async function retried<T>(attempt: () => Promise<T>): Promise<T> {
    let answer: T | undefined;
    await expect
      .poll(
        async () => {
          answer = await attempt();
          return true;
        },
        { timeout: 60_000, interval: 500 },
      )
      .toBe(true);
    return answer as T;
  }

  it('of the kubelet', () => survives('kubelet', () => onNode(nodes.worker, 'systemctl restart kubelet')));

  it('of containerd', () =>
    survives('containerd', () => onNode(nodes.worker, 'systemctl restart containerd')));

  it('of the API server', () =>
    survives('apiserver', () => onNode(nodes.controlPlane, 'pkill -KILL -x kube-apiserver')));

  it('of etcd', () => survives('etcd', () => onNode(nodes.controlPlane, 'pkill -KILL -x etcd')));
});
