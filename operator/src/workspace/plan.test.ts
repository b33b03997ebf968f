import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { resources } from '../kube/index.ts';
import { name } from './simulation/names.ts';
import { World } from './simulation/world.ts';

async function awake(spec: object = {}): Promise<World> {
  const world = new World();
  world.createWorkspace(spec);
  await world.settle(8);
  expect(world.workspace?.status?.phase).toBe('Running');
  return world;
}
const condition = (world: World, type: string) =>
  world.workspace?.status?.conditions?.find((each) => each.type === type);
async function look(world: World): Promise<void> {
  world.catchUp();
  world.listen();
  await world.reconcile();
}

describe('falling asleep', () => {
  it('waits for idle.after, and no longer', async () => {
    const world = await awake();
    world.now += 9_000 - 250 * 8;
    await look(world);
    expect(world.workspace?.status?.phase).toBe('Running');
    world.now = world.now + 10_000;
    await look(world);
    expect(world.workspace?.status?.phase).toBe('Checkpointing');
  });

  it('does not happen while somebody is attached', async () => {
    const world = await awake();
    world.attach(60_000);
    world.now += 30_000;
    await look(world);
    expect(world.workspace?.status?.phase).toBe('Running');
    expect(condition(world, 'Asleep')?.reason).toBe('Demand');
  });

  it('does not happen with runPolicy Always', async () => {
    const world = await awake({ runPolicy: 'Always' });
    world.now += 3_600_000;
    await look(world);
    expect(world.workspace?.status?.phase).toBe('Running');
  });

  it('is cancelled by a message, which is then delivered', async () => {
    const world = await awake();
    world.now += 20_000;
    await look(world);
    expect(world.workspace?.status?.phase).toBe('Checkpointing');
    world.send();
    await look(world);
    expect(world.workspace?.status?.phase).toBe('Running');
    expect(world.messages[0]?.status?.phase).toBe('Delivered');
  });

  it('is followed by a wake where the message comes after the pod went', async () => {
    const world = await awake();
    world.now += 20_000;
    await look(world);
    world.agent?.progress('Completed');
    await look(world);
    expect(world.pod).toBeUndefined();
    world.send();
    await look(world);
    expect(world.workspace?.status?.phase).toBe('Starting');
    expect(world.workspace?.status?.checkpoint?.sequence).toBe(1);
  });

  it('is put off where the checkpoint fails, with the reason in the condition', async () => {
    const world = await awake();
    world.now += 20_000;
    await look(world);
    world.agent?.progress('Failed');
    await look(world);
    expect(world.workspace?.status?.phase).toBe('Running');
    expect(condition(world, 'CheckpointVerified')).toMatchObject({
      status: 'False',
      message: expect.stringContaining('no space left'),
    });
  });

  it('is put off where the manifest does not match its digest', async () => {
    const world = await awake();
    world.now += 20_000;
    await look(world);
    world.agent?.progress('Completed');
    world.volume.manifests.set(1, 'sha256:other');
    await look(world);
    expect(world.pod).toBeDefined();
    expect(world.workspace?.status?.phase).toBe('Running');
    expect(world.server.all(resources.checkpoints)).toEqual([]);
  });
});

describe('a prompt that an agent scheduled', () => {
  async function asleepUntil(after: number): Promise<World> {
    const world = await awake();
    world.volume.wakeAt = world.now + after;
    await look(world);
    world.now += 20_000;
    await look(world);
    world.agent?.progress('Completed');
    await look(world);
    await look(world);
    expect(world.workspace?.status?.phase).toBe('Suspended');
    return world;
  }

  it('wakes the workspace when it is due, and not before', async () => {
    const world = await asleepUntil(3_600_000);
    expect(Date.parse(world.workspace?.status?.nextWakeAt ?? '')).toBe(world.volume.wakeAt);
    world.now = (world.volume.wakeAt ?? 0) - 1;
    await look(world);
    expect(world.workspace?.status?.phase).toBe('Suspended');
    world.now += 1;
    await look(world);
    expect(world.workspace?.status?.phase).toBe('Starting');
    await world.settle(8);
    expect(world.volume.wakeAt).toBeUndefined();
    expect(world.workspace?.status?.nextWakeAt).toBeUndefined();
    expect(world.workspace?.status?.phase).not.toBe('Failed');
  });

  it('does not wake one whose runPolicy is Suspended', async () => {
    const world = await asleepUntil(3_600_000);
    world.editWorkspace({ spec: { runPolicy: 'Suspended' } });
    world.now += 7_200_000;
    await world.settle(3);
    expect(world.workspace?.status?.phase).toBe('Suspended');
  });

  it('keeps the workspace awake where it is due in a moment', async () => {
    const world = await awake();
    world.volume.wakeAt = world.now + 25_000;
    world.now += 20_000;
    await look(world);
    expect(world.workspace?.status?.phase).toBe('Running');
    expect(condition(world, 'Asleep')?.reason).toBe('Demand');
  });
});

describe('run policy Suspended', () => {
  it('never starts a workspace that never ran', async () => {
    const world = new World();
    world.createWorkspace({ runPolicy: 'Suspended' });
    await world.settle(5);
    expect(world.workspace?.status?.phase).toBe('Pending');
    expect(world.pod).toBeUndefined();
  });

  it('lets a message wait and says so', async () => {
    const world = await awake();
    world.editWorkspace({ spec: { runPolicy: 'Suspended' } });
    await world.settle(10);
    world.send();
    await world.settle(3);
    expect(world.workspace?.status?.phase).toBe('Suspended');
    expect(world.messages[0]?.status).toMatchObject({ phase: 'Pending', reason: 'WorkspaceAsleep' });
  });
});

describe('what a person has to mend', () => {
  it('names the class that is missing, and goes on when it is there', async () => {
    const world = new World();
    world.createWorkspace({ classRef: { name: 'gpu' } });
    await world.settle(3);
    expect(world.workspace?.status?.phase).toBe('Failed');
    expect(condition(world, 'ClassResolved')?.message).toContain('AgentWorkspaceClass gpu does not exist');
    world.editWorkspace({ spec: { classRef: { name: 'standard' } } });
    await world.settle(8);
    expect(world.workspace?.status?.phase).toBe('Running');
  });

  it.each([
    ['pod', resources.pods, 'PodRunning', 'PodConflict'],
    ['claim', resources.persistentVolumeClaims, 'StorageReady', 'ClaimConflict'],
  ] as const)('touches no %s of somebody else', async (_what, resource, type, reason) => {
    const world = new World();
    world.server.insert(resource as typeof resources.pods, { metadata: { ...name } });
    // The operator watches what carries its label: this one it does not see.
    world.caches.pods.get = () => undefined;
    world.caches.claims.get = () => undefined;
    world.createWorkspace();
    world.catchUp();
    await world.reconcile();
    expect(world.workspace?.status?.phase).toBe('Failed');
    expect(condition(world, type)).toMatchObject({ status: 'False', reason });
    expect(condition(world, type)?.message).toContain('belongs to something else');
    expect(world.violations).toEqual([]);
  });

  it('makes no empty claim in the place of one with files', async () => {
    const world = await awake();
    await world.settle(120);
    expect(world.workspace?.status?.phase).toBe('Suspended');
    world.server.vanish(resources.persistentVolumeClaims, name);
    world.send();
    await world.settle(3);
    expect(world.workspace?.status?.phase).toBe('Failed');
    expect(condition(world, 'StorageReady')?.reason).toBe('ClaimLost');
    expect(world.claim).toBeUndefined();
  });
});

describe('a change that needs none', () => {
  it('is in force before a message is worked on that was sent after it', async () => {
    const world = await awake();
    const { agent } = world;
    if (agent === undefined) throw new Error('there is no agent');
    const before = agent.revision;
    const seen: string[] = [];
    const post = agent.post.bind(agent);
    agent.post = (...message) => {
      seen.push(agent.revision);
      return post(...message);
    };
    world.editWorkspace({ spec: { agent: { permissionMode: 'plan' } } });
    world.send();
    await look(world);
    await look(world);
    expect(seen).toEqual([agent.revision]);
    expect(agent.revision).not.toBe(before);
  });
});

describe('a change that needs a new pod', () => {
  it('waits for the next sleep and says what changed', async () => {
    const world = await awake();
    world.editClass('agent:2');
    await world.settle(6);
    expect(condition(world, 'UpToDate')).toMatchObject({ status: 'False', reason: 'WaitingForSleep' });
    expect(condition(world, 'UpToDate')?.message).toContain('images');
  });

  it('takes effect at once by way of a checkpoint where it is told to', async () => {
    const world = await awake({ updatePolicy: 'Immediate', runPolicy: 'Always' });
    const before = world.pod?.metadata.uid;
    world.editClass('agent:2');
    await world.settle(20);
    expect(world.pod?.metadata.uid).not.toBe(before);
    expect(world.workspace?.status?.phase).toBe('Running');
    expect(world.server.all(resources.checkpoints)[0]?.spec.trigger).toBe('BeforeUpgrade');
  });
});

describe('an AgentCheckpoint that a person made', () => {
  it('is taken while the workspace runs, which goes on', async () => {
    const world = await awake({ runPolicy: 'Always' });
    world.requestCheckpoint();
    await world.settle(6);
    expect(world.server.all(resources.checkpoints)[0]?.status).toMatchObject({
      phase: 'Completed',
      sequence: 1,
    });
    expect(world.workspace?.status?.checkpoint?.sequence).toBe(1);
    expect(world.pod).toBeDefined();
  });

  it('is answered with the newest one while the workspace sleeps', async () => {
    const world = await awake();
    await world.settle(120);
    world.requestCheckpoint();
    await world.settle(2);
    const made = world.server.all(resources.checkpoints).find((each) => each.spec.trigger === 'Manual');
    expect(made?.status).toMatchObject({
      phase: 'Completed',
      digest: world.workspace?.status?.checkpoint?.digest,
    });
    expect(world.pod).toBeUndefined();
  });
});

describe('a workspace that sleeps', () => {
  it('has nothing left to say after the write that says so', async () => {
    const world = await awake();
    for (let step = 0; step < 200 && world.workspace?.status?.phase !== 'Suspended'; step += 1)
      await world.settle(1);
    expect(world.workspace?.status).toMatchObject({ phase: 'Suspended', checkpoint: { sequence: 1 } });
    const version = world.workspace?.metadata.resourceVersion;
    await world.settle(40);
    expect(world.workspace?.metadata.resourceVersion).toBe(version);
  });

  it('is written once and asks for no more looks', async () => {
    const world = await awake();
    await world.settle(120);
    const version = world.workspace?.metadata.resourceVersion;
    await world.settle(10);
    expect(world.workspace?.metadata.resourceVersion).toBe(version);
    expect(world.due).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('what the gateway wrote into the status', () => {
  it('is neither undone nor answered by the operator, not even through a cache that is late', async () => {
    const world = await awake();
    const tell = (tokens: number) => {
      const usage = { day: '2026-01-01', tokens, limit: 100 };
      world.server.changeStatus(resources.workspaces, name, { usage });
      return { usage, version: world.workspace?.metadata.resourceVersion };
    };
    const first = tell(10);
    await look(world);
    expect(world.workspace?.metadata.resourceVersion).toBe(first.version);
    const last = tell(20);
    // The cache does not show it yet, and there is something to say.
    world.now += 20_000;
    await world.reconcile();
    await look(world);
    expect(world.workspace?.status).toMatchObject({ phase: 'Checkpointing', usage: last.usage });
    await world.settle(120);
    expect(world.workspace?.status).toMatchObject({ phase: 'Suspended', usage: last.usage });
  });
});

describe('a message to a workspace that does not exist', () => {
  it('says so, and is answered when it does', async () => {
    const world = new World();
    world.send();
    await world.settle(2);
    expect(world.messages[0]?.status).toMatchObject({ phase: 'Pending', reason: 'WorkspaceNotFound' });
    world.createWorkspace();
    await world.settle(20);
    expect(world.messages[0]?.status?.phase).toBe('Completed');
  });
});

describe('a workspace whose deletion overtook its finalizer', () => {
  async function overtaken(spec: object, later = 0): Promise<World> {
    const world = new World();
    world.createWorkspace(spec);
    await look(world);
    expect(world.claim).toBeDefined();
    world.now += later;
    world.deleteWorkspaceOvertaken();
    return world;
  }

  it('leaves no claim', async () => {
    const world = await overtaken({});
    await world.settle(2);
    expect(world.claim).toBeUndefined();
    expect(world.pod).toBeUndefined();
    expect(world.violations).toEqual([]);
  });

  it.each([
    ['it was to be kept', { storage: { retain: 'Retain' } }, 0],
    ['it was made a while ago: files may be in it, and a person took the finalizer away', {}, 60_000],
  ])('leaves the claim where %s', async (_why, spec, later) => {
    const world = await overtaken(spec, later);
    await world.settle(2);
    expect(world.claim).toBeDefined();
  });

  it('leaves the claim to a workspace that has its name by then', async () => {
    const world = await overtaken({});
    world.caches.workspaces.catchUp();
    world.createWorkspace();
    await world.reconcile();
    expect(world.claim).toBeDefined();
    await world.settle(8);
    expect(world.workspace?.status?.phase).toBe('Running');
  });
});

describe('a pod', () => {
  it('is made when the Secret is written that its environment names, as after an upgrade', async () => {
    const world = await awake();
    world.editWorkspace({ spec: { runPolicy: 'Suspended' } });
    await world.settle(10);
    expect(world.workspace?.status?.phase).toBe('Suspended');
    const secret = { ...name, name: 'hello-runtime' };
    world.server.remove(resources.secrets, secret);
    const { apply, create } = world.server;
    vi.spyOn(world.server, 'apply').mockImplementation(async (of, object) => {
      if (of.plural === 'secrets') await turnOfTheLoop();
      return apply.call(world.server, of, object) as never;
    });
    const written: boolean[] = [];
    vi.spyOn(world.server, 'create').mockImplementation((of, object) => {
      if (of.plural === 'pods') written.push(world.server.read(resources.secrets, secret) !== undefined);
      return create.call(world.server, of, object) as never;
    });
    world.editWorkspace({ spec: { runPolicy: 'Auto' } });
    world.send();
    await world.settle(10);
    expect(written).toEqual([true]);
  });
});

describe('a pod that does not start', () => {
  const unschedulable = (message: string) => ({
    conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }],
  });

  it('has the events of its claim read only where a volume may be what it lacks', async () => {
    const world = new World();
    world.createWorkspace();
    await look(world);
    await look(world);
    world.server.changeStatus(resources.persistentVolumeClaims, name, { phase: 'Pending' });
    world.server.changeStatus(
      resources.pods,
      name,
      unschedulable("0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."),
    );
    world.now += 60_000;
    await look(world);
    expect(condition(world, 'PodRunning')?.reason).toBe('Unschedulable');
    expect(world.server.requests.lists).toBe(0);

    const unbound = 'pod has unbound immediate PersistentVolumeClaims. not found';
    world.server.changeStatus(resources.pods, name, unschedulable(unbound));
    await look(world);
    expect(world.server.requests.lists).toBe(1);
  });

  it('is not asked for again at once where its namespace is being deleted', async () => {
    const world = await awake();
    world.server.terminating = true;
    world.deletePod();
    world.kubelet();
    for (let looks = 0; looks < 20; looks += 1) {
      world.now += 100;
      await look(world);
    }
    expect(world.server.requests.refused).toBe(1);
    world.now += 5_000;
    await look(world);
    expect(world.server.requests.refused).toBe(2);
  });
});

describe('a question of the agent', () => {
  /** Asleep with the question open. */
  async function asked(): Promise<World> {
    const world = await awake();
    world.agent?.ask('q1');
    await look(world);
    expect(world.workspace?.status?.approvals).toMatchObject({ waiting: 1, requests: [{ id: 'q1' }] });
    world.now += 20_000;
    await look(world);
    world.agent?.progress('Completed');
    await world.settle(4);
    expect(world.workspace?.status?.phase).toBe('Suspended');
    return world;
  }

  it('stands in the status while the workspace sleeps, and its answer wakes it', async () => {
    const world = await asked();
    expect(world.workspace?.status?.approvals?.requests).toHaveLength(1);
    world.answer('q1');
    await world.settle(8);
    expect(world.messages[0]?.status?.phase).toBe('Completed');
    expect(world.workspace?.status).not.toHaveProperty('approvals');
  });

  it('is answered once, and who comes too late or answers nothing is told so', async () => {
    const world = await asked();
    for (const id of ['q1', 'q1', 'q2']) world.answer(id);
    await world.settle(8);
    expect(world.messages.map(({ status }) => status?.reason ?? status?.phase)).toEqual([
      'Completed',
      'ApprovalAnswered',
      'ApprovalUnknown',
    ]);
  });

  it('has its answer taken once where the operator dies before it could say so', async () => {
    const world = await asked();
    world.answer('q1');
    const { uid = '' } = world.messages[0]?.metadata ?? {};
    world.volume.questions.set('q1', uid);
    world.restartOperator();
    await world.settle(8);
    expect(world.messages[0]?.status?.phase).toBe('Completed');
  });
});

describe('an operator that restarts', () => {
  it('says at once that a workspace starts whose pod was created before', async () => {
    const world = new World();
    world.createWorkspace();
    world.catchUp();
    await world.reconcile();
    expect(world.pod).toBeDefined();
    expect(world.workspace?.status?.phase).toBeUndefined();
    await world.restartOperator();
    world.catchUp();
    await world.reconcile();
    expect(world.workspace?.status?.phase).toBe('Starting');
  });

  it('asks again for every message that the agent has, and hears how it ended', async () => {
    const world = await awake();
    world.send();
    await look(world);
    expect(world.messages[0]?.status?.phase).toBe('Delivered');
    world.restartOperator();
    await world.settle(12);
    expect(world.messages[0]?.status?.phase).toBe('Completed');
    expect(world.volume.transcript).toHaveLength(1);
  });
});
