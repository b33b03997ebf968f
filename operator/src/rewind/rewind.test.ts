import { describe, expect, it } from 'vitest';
import { resources } from '../kube/index.ts';
import { World } from '../workspace/simulation/world.ts';

const asked = { checkpoint: { volumeSnapshotClassName: 'standard' } };
const rewindOf = (world: World) => world.workspace?.status?.rewind;
const claims = (world: World) =>
  world.server.all(resources.persistentVolumeClaims).map(({ metadata }) => metadata.name);
const requestOf = (world: World) =>
  world.server.all(resources.checkpoints).findLast(({ spec }) => spec.rewindTo !== undefined);
async function look(world: World): Promise<void> {
  world.catchUp();
  world.listen();
  await world.reconcile();
}

/** Slept once with one answered message, and answered another one since. */
async function awakeAgain(spec: object = asked): Promise<World> {
  const world = new World();
  world.createWorkspace(spec);
  await world.settle(8);
  world.send();
  await world.settle(80);
  world.send();
  await world.settle(12);
  expect(world.workspace?.status?.phase).toBe('Running');
  expect(world.volume.transcript).toHaveLength(2);
  return world;
}

describe('a rewind', () => {
  it('puts a claim made from the snapshot in place of the one in force, and keeps the present', async () => {
    const world = await awakeAgain();
    world.requestRewind('oldest');
    await world.settle(40);
    expect(rewindOf(world)).toMatchObject({
      phase: 'Completed',
      to: { checkpoint: 'hello-1', sequence: 1, volumeSnapshot: 'hello-1' },
      previousClaim: 'hello',
      sequence: 2,
    });
    expect(claims(world)).toEqual([world.workspace?.status?.claimName]);
    expect(world.claim?.spec?.dataSource).toMatchObject({ name: 'hello-1' });
    expect(world.volume.transcript).toHaveLength(1);
    expect(requestOf(world)?.status).toMatchObject({
      phase: 'Completed',
      volumeSnapshot: { name: 'hello-2' },
    });
    expect(world.violations).toEqual([]);
  });

  it('is undone by a second one, to what the first kept', async () => {
    const world = await awakeAgain();
    world.requestRewind('oldest');
    await world.settle(40);
    world.requestRewind('newest');
    await world.settle(40);
    expect(rewindOf(world)).toMatchObject({ phase: 'Completed', to: { sequence: 2 } });
    expect(world.volume.transcript).toHaveLength(2);
    expect(world.messages.map(({ status }) => status?.phase)).toEqual(['Completed', 'Completed']);
    expect(world.violations).toEqual([]);
  });

  it('asks the messages that wait of the workspace as it is then, and no other one again', async () => {
    const world = await awakeAgain();
    world.requestRewind('oldest');
    await look(world);
    expect(world.workspace?.status?.phase).toBe('Checkpointing');
    world.send();
    await world.settle(60);
    expect(rewindOf(world)?.phase).toBe('Completed');
    const third = world.messages[2]?.metadata.uid;
    expect(world.volume.transcript).toEqual([world.messages[0]?.metadata.uid, third]);
    expect(world.messages.map(({ status }) => status?.phase)).toEqual(Array(3).fill('Completed'));
    expect(world.violations).toEqual([]);
  });

  it('lets messages wait also where its agent is not heard of for a while', async () => {
    const world = await awakeAgain();
    world.requestRewind('oldest');
    await look(world);
    expect(rewindOf(world)?.phase).toBe('Preparing');
    world.send();
    world.restartOperator();
    world.catchUp();
    await world.reconcile();
    world.now += 5_000;
    await world.reconcile();
    expect(world.workspace?.status?.phase).toBe('Running');
    await world.settle(60);
    expect(rewindOf(world)?.phase).toBe('Completed');
    const [first, , third] = world.messages.map(({ metadata }) => metadata.uid);
    expect(world.volume.transcript).toEqual([first, third]);
    expect(world.violations).toEqual([]);
  });

  it('lets messages wait no longer than a checkpoint may take, where work came up meanwhile', async () => {
    const world = await awakeAgain();
    world.requestRewind('oldest');
    await look(world);
    world.send();
    const { agent } = world;
    if (agent === undefined) throw new Error('there is no agent');
    // It starts again in the midst of it, and is given work by somebody else.
    world.restartOperator();
    world.catchUp();
    await world.reconcile();
    world.now += 5_000;
    await world.reconcile();
    agent.crash();
    agent.post('from-elsewhere', 'other');
    await look(world);
    await look(world);
    expect(world.workspace?.status?.phase).toBe('Running');
    expect(world.messages[2]?.status?.phase ?? 'Pending').toBe('Pending');
    expect(world.due).toBeLessThanOrEqual(world.now + 120_000);
    world.now += 120_000;
    await look(world);
    await look(world);
    expect(world.messages[2]?.status?.phase).toBe('Delivered');
  });

  it('ends a message whose question is open, and begins it on neither volume again', async () => {
    const world = await awakeAgain();
    world.send();
    await look(world);
    world.agent?.work();
    const uid = world.messages[2]?.metadata.uid ?? '';
    const { inbox } = world.volume;
    const asked = {
      id: 'q',
      session: 'default',
      toolUseId: 't',
      tool: 'Bash',
      summary: 'make',
      requestedAt: '',
    };
    const record = inbox.get(uid);
    if (record === undefined) throw new Error('the agent has no message');
    inbox.set(uid, { ...record, reason: 'WaitingForApproval', pendingApprovals: [asked] });
    await look(world);
    world.requestRewind('oldest');
    // The next operator has not heard of it yet.
    world.restartOperator();
    await world.settle(60);
    expect(rewindOf(world)?.phase).toBe('Completed');
    expect(world.messages[2]?.status).toMatchObject({ phase: 'Failed', reason: 'WorkspaceRewound' });
    expect(world.volume.inbox.has(uid)).toBe(false);
    expect(world.violations).toEqual([]);
  });

  it('waits for work that is under way', async () => {
    const world = await awakeAgain();
    world.send();
    await look(world);
    world.requestRewind('oldest');
    world.listen();
    await look(world);
    expect(requestOf(world)?.status).toMatchObject({ phase: 'Pending', reason: 'Busy' });
    await world.settle(60);
    expect(rewindOf(world)?.phase).toBe('Completed');
  });

  it('keeps the claim from before until the snapshot of it is ready to use', async () => {
    const world = await awakeAgain();
    world.requestRewind('oldest');
    for (let round = 0; round < 30; round += 1) {
      world.kubelet();
      world.agent?.progress('Completed');
      world.snapshotter('cut');
      await look(world);
    }
    expect(rewindOf(world)?.phase).toBe('Completed');
    expect(claims(world)).toContain('hello');
    world.requestRewind('oldest');
    await look(world);
    expect(requestOf(world)?.status).toMatchObject({ phase: 'Pending', reason: 'RewindUnderWay' });
    world.snapshotter('ready');
    await look(world);
    expect(claims(world)).not.toContain('hello');
    expect(world.violations).toEqual([]);
  });

  it('takes the snapshot of a workspace that sleeps without one, and wakes it', async () => {
    const world = await awakeAgain();
    world.editWorkspace({ spec: { checkpoint: { volumeSnapshotClassName: null } } });
    await world.settle(80);
    expect(world.workspace?.status?.phase).toBe('Suspended');
    world.editWorkspace({ spec: { ...asked, runPolicy: 'Suspended' } });
    world.requestRewind('oldest');
    await world.settle(60);
    expect(rewindOf(world)?.phase).toBe('Completed');
    expect(requestOf(world)?.status).toMatchObject({ sequence: 2, volumeSnapshot: { name: 'hello-2' } });
    expect(world.workspace?.status?.phase).toBe('Suspended');
    world.editWorkspace({ spec: { runPolicy: 'Auto' } });
    world.requestRewind(requestOf(world)?.metadata.name ?? '');
    await world.settle(60);
    expect(world.volume.transcript).toHaveLength(2);
    expect(world.violations).toEqual([]);
  });

  it('ends with the claim from before where the restored volume cannot be used', async () => {
    const world = await awakeAgain();
    world.badRestore = true;
    world.requestRewind('oldest');
    await world.settle(60);
    expect(rewindOf(world)).toMatchObject({ phase: 'Failed', message: expect.stringContaining('agent') });
    expect(claims(world)).toEqual(['hello']);
    expect(world.volume.transcript).toHaveLength(2);
    expect(world.workspace?.status?.checkpoint?.sequence).toBe(2);
    world.requestRewind('oldest');
    await world.settle(60);
    expect(rewindOf(world)?.phase).toBe('Completed');
    expect(world.violations).toEqual([]);
  });

  it('ends well whichever write the operator dies before or after', async () => {
    for (const badRestore of [false, true]) {
      for (const after of [false, true]) {
        for (let writes = 0; writes < 24; writes += 1) {
          const world = await awakeAgain();
          world.badRestore = badRestore;
          world.requestRewind('oldest');
          let left = writes;
          for (let round = 0; round < 40; round += 1) {
            world.kubelet();
            world.agent?.progress('Completed');
            world.snapshotter('ready');
            world.snapshotter('cut');
            world.catchUp();
            world.listen();
            const before = world.server.writes;
            await world.reconcile({ writes: left, after });
            left -= world.server.writes - before;
            if (left < 0) break;
          }
          await world.settle(60);
          expect(world.violations).toEqual([]);
          expect(rewindOf(world)?.phase).toMatch(badRestore ? /Failed|Completed/ : /Completed/);
          expect(world.volume.transcript).toHaveLength(rewindOf(world)?.phase === 'Failed' ? 2 : 1);
          expect(claims(world)).toHaveLength(1);
        }
      }
    }
  }, 120_000);
});

const bucket = {
  ...{ bucket: 'archives', endpoint: 'http://s3.test', region: 'us-east-1', timeout: '1h' },
  credentialsSecretRef: { name: 'bucket' },
};
const onVolume = { volume: { quota: '1Gi' }, timeout: '1h' };

/** Of a cluster without snapshots, or a workspace that wants none: slept once, was archived then, and has worked since. */
async function archivedAndAwake(archive: object): Promise<World> {
  const world = new World();
  world.archives = true;
  world.server.change(resources.classes, { name: 'standard' }, { spec: { archive } });
  world.createWorkspace({ checkpoint: { archive: true } });
  await world.settle(8);
  world.send();
  await world.settle(80);
  world.send();
  await world.settle(12);
  expect(world.workspace?.status?.phase).toBe('Running');
  expect(world.volume.transcript).toHaveLength(2);
  return world;
}

describe.each([
  ['Bucket', bucket],
  ['Volume', onVolume],
])('a rewind without snapshots, by archives in place %s', (place, archive) => {
  it('goes back, and forth again', async () => {
    const world = await archivedAndAwake(archive);
    world.requestRewind('oldest');
    await world.settle(60);
    expect(rewindOf(world)).toMatchObject({
      phase: 'Completed',
      to: { checkpoint: 'hello-1', sequence: 1, archive: { place } },
      previousClaim: 'hello',
      sequence: 2,
    });
    expect(claims(world)).toEqual([world.workspace?.status?.claimName]);
    expect(world.claim?.spec?.dataSource).toBeUndefined();
    expect(world.volume.transcript).toHaveLength(1);
    expect(requestOf(world)?.status).toMatchObject({
      phase: 'Completed',
      archive: { phase: 'Completed', place },
    });
    world.requestRewind(requestOf(world)?.metadata.name ?? '');
    await world.settle(80);
    expect(rewindOf(world)).toMatchObject({ phase: 'Completed', to: { sequence: 2 } });
    expect(world.volume.transcript).toHaveLength(2);
    expect(claims(world)).toHaveLength(1);
    expect(world.violations).toEqual([]);
  });

  it('keeps a workspace asleep until its present is archived, and asks what waits of the one of then', async () => {
    const world = await archivedAndAwake(archive);
    world.editWorkspace({ spec: { checkpoint: { archive: null } } });
    await world.settle(60);
    expect(world.workspace?.status?.phase).toBe('Suspended');
    world.archives = false;
    world.requestRewind('oldest');
    await world.settle(4);
    world.send();
    await world.settle(8);
    expect(world.workspace?.status).toMatchObject({
      phase: 'Suspended',
      rewind: { phase: expect.any(String) },
    });
    world.archives = true;
    await world.settle(60);
    expect(rewindOf(world)?.phase).toBe('Completed');
    expect(world.volume.transcript).toEqual([
      world.messages[0]?.metadata.uid,
      world.messages[2]?.metadata.uid,
    ]);
    expect(world.violations).toEqual([]);
  });

  it('changes nothing where the present cannot be archived', async () => {
    const world = await archivedAndAwake(archive);
    world.archives = false;
    world.requestRewind('oldest');
    await world.settle(30);
    const archivePod = { namespace: 'team', name: 'hello.archive' };
    world.server.changeStatus(resources.pods, archivePod, {
      phase: 'Failed',
      initContainerStatuses: [
        { name: 'state', state: { terminated: { message: problemMessage('the volume is full.') } } },
      ],
    });
    await world.settle(8);
    expect(rewindOf(world)).toMatchObject({
      phase: 'Failed',
      message: expect.stringContaining('The present cannot be kept: the volume is full.'),
    });
    expect(claims(world)).toEqual(['hello']);
    world.send();
    await world.settle(20);
    expect(world.volume.transcript).toHaveLength(3);
    expect(world.violations).toEqual([]);
  });

  it('ends well whichever write the operator dies before or after', async () => {
    for (const after of [false, true]) {
      for (let writes = 0; writes < 30; writes += 1) {
        const world = await archivedAndAwake(archive);
        world.requestRewind('oldest');
        let left = writes;
        for (let round = 0; round < 50; round += 1) {
          world.kubelet();
          world.archiver();
          world.agent?.progress('Completed');
          world.catchUp();
          world.listen();
          const before = world.server.writes;
          await world.reconcile({ writes: left, after });
          left -= world.server.writes - before;
          if (left < 0) break;
        }
        await world.settle(70);
        expect(world.violations).toEqual([]);
        expect(rewindOf(world)?.phase).toBe('Completed');
        expect(world.volume.transcript).toHaveLength(1);
        expect(claims(world)).toHaveLength(1);
      }
    }
  }, 120_000);
});

const problemMessage = (problem: string) =>
  JSON.stringify({ part: 'state', percent: 0, bytes: 0, files: 0, addedBytes: 0, problem });

describe('a rewind that cannot be', () => {
  it.each([
    ['the checkpoint has no snapshot', {}, 'has no VolumeSnapshot and no archive'],
    ['no class for snapshots is named', { checkpoint: {} }, 'set spec.checkpoint.volumeSnapshotClassName'],
  ])('is refused where %s, and changes nothing', async (_story, now, words) => {
    const world = await awakeAgain({});
    world.editWorkspace({ spec: { ...asked, ...now } });
    if ('checkpoint' in now) world.editWorkspace({ spec: { checkpoint: { volumeSnapshotClassName: null } } });
    world.requestRewind('oldest');
    await world.settle(8);
    expect(requestOf(world)?.status).toMatchObject({
      phase: 'Failed',
      reason: 'RewindRefused',
      message: expect.stringContaining(words),
    });
    expect(rewindOf(world)).toBeUndefined();
    expect(claims(world)).toEqual(['hello']);
  });

  it('is refused where the present cannot be kept, and the workspace goes on', async () => {
    const world = await awakeAgain();
    world.requestRewind('oldest');
    await look(world);
    world.agent?.progress('Completed');
    await look(world);
    world.snapshotter('fails');
    world.now += 20_000;
    await look(world);
    expect(requestOf(world)?.status).toMatchObject({
      phase: 'Failed',
      message: expect.stringContaining('no space'),
    });
    await look(world);
    expect(world.workspace?.status?.phase).toBe('Running');
    expect(rewindOf(world)).toBeUndefined();
    expect(world.agent?.held).toBe(false);
  });

  it('is forgotten where somebody deletes what asked for it before the pod went', async () => {
    const world = await awakeAgain();
    world.requestRewind('oldest');
    await look(world);
    world.server.remove(resources.checkpoints, requestOf(world)?.metadata ?? { name: '' });
    await look(world);
    await look(world);
    expect(world.workspace?.status?.phase).toBe('Running');
    expect(rewindOf(world)).toBeUndefined();
  });
});
