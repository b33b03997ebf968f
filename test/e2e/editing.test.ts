import { describe, expect, it } from 'vitest';
import { suite } from '../support/suite.ts';

const here = suite('editing');

describe('editing a workspace that runs', () => {
  it('acts at once where no new pod is needed', async () => {
    const { workspaces, cluster, witness } = here;
    await workspaces.create('live', { runPolicy: 'Always' });
    await workspaces.ask('live', 'say: hello');
    await cluster.patch(workspaces.reference('live'), {
      spec: {
        services: [{ name: 'added', command: ['bash', '-c', 'echo up > added; exec sleep infinity'] }],
      },
    });
    await expect
      .poll(async () => (await workspaces.inWorkspace('live', 'cat /home/agent/added')).stdout, {
        timeout: 30_000,
      })
      .toContain('up');
    await cluster.patch(workspaces.reference('live'), { spec: { agent: { permissionMode: 'default' } } });
    // A message that came to the operator before the change would be worked on without it.
    await workspaces.observed('live');
    const message = await workspaces.send('live', 'run: echo asked');
    const waiting = await cluster.waitFor(
      workspaces.message(message),
      'waiting for approval',
      (object) =>
        (
          (object as { status?: { pendingApprovals?: unknown[] } } | undefined)?.status?.pendingApprovals ??
          []
        ).length === 1,
    );
    expect(waiting).toMatchObject({ status: { pendingApprovals: [{ tool: 'Bash' }] } });
    expect(witness.made('live')).toBe(1);
  });

  it('waits for the next sleep where a new pod is needed, and says what waits', async () => {
    const { workspaces, cluster, witness } = here;
    await workspaces.create('later', { runPolicy: 'Always' });
    await workspaces.ask('later', 'say: hello');
    await cluster.patch(workspaces.reference('later'), {
      spec: { env: [{ name: 'COLOUR', value: 'ochre' }] },
    });
    expect(await workspaces.condition('later', 'UpToDate', 'False', 'WaitingForSleep')).toMatch(/env/);
    expect(await workspaces.ask('later', 'run: echo "<$COLOUR>"')).toContain('<>');
    expect(witness.made('later')).toBe(1);
    await cluster.patch(workspaces.reference('later'), { spec: { runPolicy: 'Auto' } });
    await workspaces.asleep('later');
    expect(await workspaces.ask('later', 'run: echo "<$COLOUR>"')).toContain('<ochre>');
    await workspaces.condition('later', 'UpToDate', 'True');
  });

  it('restarts at once, by way of a checkpoint, where it is told to', async () => {
    const { workspaces, cluster, witness } = here;
    await workspaces.create('now', { runPolicy: 'Always', updatePolicy: 'Immediate' });
    await workspaces.ask('now', 'remember: the tide table');
    await cluster.patch(workspaces.reference('now'), { spec: { env: [{ name: 'COLOUR', value: 'umber' }] } });
    await expect.poll(() => witness.made('now'), { timeout: 60_000 }).toBe(2);
    expect(await workspaces.ask('now', 'run: echo "<$COLOUR>"')).toContain('<umber>');
    expect(await workspaces.ask('now', 'recall')).toContain('the tide table');
    const taken = await workspaces.checkpoints('now');
    expect(taken.map((each) => [each.spec.trigger, each.status?.phase])).toContainEqual([
      'BeforeUpgrade',
      'Completed',
    ]);
  });

  it('takes a checkpoint by hand, awake and asleep', async () => {
    const { workspaces, cluster, witness } = here;
    await workspaces.create('manual');
    await workspaces.ask('manual', 'say: hello');
    const byHand = async (name: string) => {
      await cluster.create({
        apiVersion: 'dormouse.dev/v1alpha1',
        kind: 'AgentCheckpoint',
        metadata: { name, namespace: workspaces.namespace },
        spec: { workspaceRef: { name: 'manual' } },
      } as never);
      await cluster.waitFor(
        {
          apiVersion: 'dormouse.dev/v1alpha1',
          kind: 'AgentCheckpoint',
          metadata: { name, namespace: workspaces.namespace },
        },
        'Completed',
        (object) => (object as { status?: { phase?: string } } | undefined)?.status?.phase === 'Completed',
        60_000,
      );
    };
    await byHand('awake-by-hand');
    await workspaces.asleep('manual');
    await byHand('asleep-by-hand');
    expect(witness.made('manual')).toBe(1);
  });
});
