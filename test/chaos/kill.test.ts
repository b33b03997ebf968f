import { describe, expect, it } from 'vitest';
import { classLikeDefault } from '../support/classes.ts';
import { killContainer } from '../support/nodes.ts';
import { killLeader } from '../support/operator.ts';
import { suite } from '../support/suite.ts';
import { occurrences, textOf } from '../support/workspaces.ts';

const here = suite('kill');

async function podOf(name: string) {
  const pod = (await here.workspaces.pods(name))[0];
  if (pod === undefined) throw new Error(`${name} has no pod`);
  return pod;
}

/** A command that leaves a line each time it is run, then takes its time: run twice, it would show. */
const once = 'run: echo ran >> runs; sleep 20; echo finished';

async function ranOnceAndInterrupted(name: string): Promise<void> {
  const { workspaces } = here;
  const transcript = await workspaces.transcript(name);
  expect(occurrences(transcript, 'user', 'echo ran >> runs; sleep 20')).toBe(1);
  const results = transcript.filter((line) => /interrupted/i.test(textOf(line)));
  expect(results.length).toBeGreaterThanOrEqual(1);
  expect(await workspaces.ask(name, 'run: wc -l < runs')).toMatch(/\b1\b/);
}

async function underWay(name: string): Promise<string> {
  const { workspaces } = here;
  const message = await workspaces.send(name, once);
  await expect
    .poll(async () => (await workspaces.inWorkspace(name, 'cat /home/agent/runs')).stdout, {
      timeout: 60_000,
    })
    .toContain('ran');
  return message;
}

describe('kill -9', () => {
  it('of agentd: the session goes on, and the tool call under way is told as interrupted, not run again', async () => {
    const { workspaces, witness } = here;
    await workspaces.create('agentd', { runPolicy: 'Always' });
    await workspaces.ask('agentd', 'remember: basalt');
    const message = await underWay('agentd');
    await killContainer(await podOf('agentd'), 'agent');
    await workspaces.messageIn(message, ['Completed']);
    await ranOnceAndInterrupted('agentd');
    expect(await workspaces.ask('agentd', 'recall')).toContain('basalt');
    expect(witness.made('agentd')).toBe(1);
  });

  it('of workspaced: likewise, and tools work again', async () => {
    const { workspaces, witness } = here;
    await workspaces.create('workspaced', { runPolicy: 'Always' });
    await workspaces.ask('workspaced', 'remember: granite');
    const message = await underWay('workspaced');
    await killContainer(await podOf('workspaced'), 'workspace');
    await workspaces.messageIn(message, ['Completed']);
    await ranOnceAndInterrupted('workspaced');
    expect(await workspaces.ask('workspaced', 'recall')).toContain('granite');
    expect(witness.made('workspaced')).toBe(1);
  });

  it('of the leading operator while the workspace is Starting', async () => {
    const { workspaces, cluster, witness } = here;
    await workspaces.create('starting');
    const message = await workspaces.send('starting', 'say: arrived');
    await workspaces.inPhase('starting', 'Starting');
    await killLeader(cluster);
    expect(await workspaces.answer(message)).toContain('arrived');
    expect(witness.made('starting')).toBe(1);
  });

  it('of the leading operator while it is Running and works', async () => {
    const { workspaces, cluster, witness } = here;
    await workspaces.create('working');
    const message = await workspaces.send('working', 'run: echo ran >> runs; sleep 3; wc -l < runs');
    await workspaces.messageIn(message, ['Working']);
    await killLeader(cluster);
    expect(await workspaces.answer(message)).toMatch(/\b1\b/);
    expect(witness.made('working')).toBe(1);
  });

  it('of the leading operator while it is Checkpointing', async () => {
    const { workspaces, cluster, witness } = here;
    await workspaces.create('leaving');
    // Looked for from the beginning: it may be over when the answer is read.
    await Promise.all([
      workspaces.inPhase('leaving', 'Checkpointing'),
      workspaces.ask('leaving', 'remember: flint'),
    ]);
    await killLeader(cluster);
    await workspaces.asleep('leaving');
    expect(await workspaces.ask('leaving', 'recall')).toContain('flint');
    expect(witness.made('leaving')).toBe(2);
  });

  it('of the leading operator while it is Suspended and a message arrives', async () => {
    const { workspaces, cluster, witness } = here;
    await workspaces.create('sleeping');
    await workspaces.ask('sleeping', 'remember: marl');
    await workspaces.asleep('sleeping');
    await killLeader(cluster);
    expect(await workspaces.ask('sleeping', 'recall')).toContain('marl');
    expect(witness.made('sleeping')).toBe(2);
  });

  it('of the leading operator while it is Failed, and mending it is still enough', async () => {
    const { workspaces, cluster, witness } = here;
    const name = `${workspaces.namespace}-late`;
    await workspaces.create('failed', { classRef: { name } });
    const message = await workspaces.send('failed', 'say: mended');
    await workspaces.inPhase('failed', 'Failed');
    await killLeader(cluster);
    await using _late = await classLikeDefault(cluster, name);
    expect(await workspaces.answer(message)).toContain('mended');
    expect(witness.made('failed')).toBe(1);
  });

  it('of the leading operator while a workspace is Terminating', async () => {
    const { workspaces, cluster } = here;
    await workspaces.create('ending');
    await workspaces.ask('ending', 'say: hello');
    await cluster.delete(workspaces.reference('ending'));
    await killLeader(cluster);
    await cluster.waitUntilGone(workspaces.reference('ending'), 60_000);
    await cluster.waitUntilGone(workspaces.pod('ending'), 60_000);
  });
});

describe('losing the pod', () => {
  it('by hand: the workspace starts again with all that was acknowledged', async () => {
    const { workspaces, cluster, witness } = here;
    await workspaces.create('deleted', { runPolicy: 'Always' });
    await workspaces.ask('deleted', 'remember: ochre');
    const message = await underWay('deleted');
    await cluster.delete(workspaces.pod('deleted'), { gracePeriodSeconds: 0 });
    await workspaces.messageIn(message, ['Completed']);
    await ranOnceAndInterrupted('deleted');
    expect(await workspaces.ask('deleted', 'recall')).toContain('ochre');
    expect(witness.made('deleted')).toBe(2);
  });

  it('by eviction: likewise', async () => {
    const { workspaces, cluster, witness } = here;
    await workspaces.create('evicted', { runPolicy: 'Always' });
    await workspaces.ask('evicted', 'remember: sienna');
    const { namespace } = workspaces;
    await cluster.request('POST', `/api/v1/namespaces/${namespace}/pods/evicted/eviction`, {
      body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'evicted', namespace } },
    });
    await expect.poll(() => witness.made('evicted'), { timeout: 60_000 }).toBe(2);
    expect(await workspaces.ask('evicted', 'recall')).toContain('sienna');
  });
});
