import { apiVersion } from '@dormouse/crds';
import { describe, expect, it } from 'vitest';
import { type Pod, resources } from '../kube/index.ts';
import { name } from '../workspace/simulation/names.ts';
import { World } from '../workspace/simulation/world.ts';

const podName = { namespace: 'team', name: 'hello.archive' };
const bucket = {
  ...{ bucket: 'archives', endpoint: 'http://s3.test', region: 'us-east-1', timeout: '1h' },
  credentialsSecretRef: { name: 'bucket' },
};
const id = (digit: string) => digit.repeat(64);
const podOf = (world: World): Pod | undefined => world.server.read(resources.pods, podName);
const checkpoint = (world: World, which = 'mine') =>
  world.server.read(resources.checkpoints, { namespace: 'team', name: which })?.status;

async function look(world: World): Promise<void> {
  world.catchUp();
  world.listen();
  await world.reconcile();
}

function ask(world: World, which = 'mine'): void {
  world.server.insert(resources.checkpoints, {
    apiVersion,
    kind: 'AgentCheckpoint',
    metadata: { namespace: 'team', name: which },
    spec: { workspaceRef: { name: name.name }, trigger: 'Manual', archive: true },
  });
}

/** A workspace that runs, would sleep after an hour, and is to be archived. */
async function asked(archive: object | null = bucket): Promise<World> {
  const world = new World();
  if (archive !== null) world.server.change(resources.classes, { name: 'standard' }, { spec: { archive } });
  world.createWorkspace({ idle: { after: '1h' } });
  await world.settle(8);
  ask(world);
  return world;
}

/** The same, asleep, with its archive pod under way. */
async function archiving(): Promise<World> {
  const world = await asked();
  await world.settle(12);
  world.server.changeStatus(resources.pods, podName, { phase: 'Running', podIP: '10.0.0.9' });
  return world;
}

const ended = (part: string, snapshot: string | undefined, problem?: string) => ({
  name: part,
  state: {
    terminated: {
      message: JSON.stringify({
        ...{ part, percent: 100, bytes: 10, files: 1, addedBytes: 5, snapshot, problem },
      }),
    },
  },
});

describe('an archive', () => {
  it('puts the workspace to sleep, and is made of its newest checkpoint by a pod that sees the volume read-only', async () => {
    const world = await asked();
    await look(world);
    expect(world.workspace?.status?.phase).toBe('Checkpointing');
    await world.settle(12);
    expect(world.workspace?.status?.phase).toBe('Suspended');
    expect(checkpoint(world)).toMatchObject({
      phase: 'Completed',
      sequence: 1,
      archive: { phase: 'InProgress', repository: `team/hello/${world.workspace?.metadata.uid}` },
    });
    const { spec } = podOf(world) ?? {};
    const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
    expect(containers.map((each) => [each.name, each.securityContext?.runAsUser])).toEqual([
      ['state', 7000],
      ['home', 1000],
    ]);
    for (const { volumeMounts, securityContext } of containers) {
      expect(securityContext).toMatchObject({
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      for (const each of volumeMounts ?? [])
        expect(each.name === 'claim' ? [each.subPath !== undefined, each.readOnly] : [true, true]).toEqual([
          true,
          true,
        ]);
    }
    expect(spec).toMatchObject({ automountServiceAccountToken: false, activeDeadlineSeconds: 3600 });
  });

  it('says how far it is, and what came of it', async () => {
    const world = await archiving();
    world.archiveProgress = {
      part: 'home',
      percent: 41.7,
      bytes: 4,
      files: 1,
      addedBytes: 0,
      problem: 'slow',
    };
    world.now += 2_000;
    await look(world);
    expect(checkpoint(world)?.archive).toMatchObject({ phase: 'InProgress', percent: 41, message: 'slow' });
    // What is remembered goes with the process.
    world.restartOperator();
    world.archiveProgress = undefined;
    await look(world);
    expect(checkpoint(world)?.archive).toMatchObject({ percent: 41 });

    world.server.changeStatus(resources.pods, podName, {
      phase: 'Succeeded',
      initContainerStatuses: [ended('state', id('a'))],
      containerStatuses: [ended('home', id('b'))],
    });
    await look(world);
    expect(checkpoint(world)?.archive).toMatchObject({
      phase: 'Completed',
      snapshots: { state: id('a'), home: id('b') },
      bytes: 20,
      files: 2,
      addedBytes: 10,
    });
    await look(world);
    expect(podOf(world)).toBeUndefined();
  });

  it('makes way for a message at once, and is made at the next sleep', async () => {
    const world = await archiving();
    world.send();
    await look(world);
    expect(podOf(world)).toBeUndefined();
    expect(world.pod).toBeDefined();
    expect(checkpoint(world)).toMatchObject({ phase: 'Pending', reason: 'WaitsForSleep' });
    expect(checkpoint(world)?.archive).toBeUndefined();
    await world.settle(30);
    expect(world.messages[0]?.status?.phase).toBe('Completed');
    expect(checkpoint(world)).toMatchObject({
      phase: 'Completed',
      sequence: 2,
      archive: { phase: 'InProgress' },
    });
    expect(world.violations).toEqual([]);
  });

  it('is one at a time, the oldest first, and keeps what checkpoints name', async () => {
    const world = await archiving();
    world.now += 1_000;
    ask(world, 'another');
    world.server.changeStatus(resources.pods, podName, {
      phase: 'Succeeded',
      initContainerStatuses: [ended('state', id('a'))],
      containerStatuses: [ended('home', id('b'))],
    });
    await world.settle(4);
    expect(checkpoint(world, 'another')?.archive?.phase).toBe('InProgress');
    const env = podOf(world)?.spec?.containers[0]?.env ?? [];
    expect(env.find((each) => each.name === 'DORMOUSE_ARCHIVE_KEEP')?.value).toBe(`${id('a')},${id('b')}`);
  });

  it('fails in the words of the pod', async () => {
    const world = await archiving();
    world.server.changeStatus(resources.pods, podName, {
      phase: 'Failed',
      initContainerStatuses: [ended('state', undefined, 'There is no bucket archives.')],
    });
    await look(world);
    expect(checkpoint(world)?.archive).toMatchObject({
      phase: 'Failed',
      reason: 'ArchiveFailed',
      message: 'There is no bucket archives.',
    });
    await look(world);
    expect(podOf(world)).toBeUndefined();
    expect(world.workspace?.status?.phase).toBe('Suspended');
  });

  it('is given up after its time, whatever became of its pods', async () => {
    const world = await archiving();
    world.now += 3_700_000;
    await look(world);
    expect(checkpoint(world)?.archive).toMatchObject({ phase: 'Failed', reason: 'TimedOut' });
    await look(world);
    expect(podOf(world)).toBeUndefined();
  });

  it('is refused where the class names no bucket', async () => {
    const world = await asked(null);
    await look(world);
    expect(checkpoint(world)).toMatchObject({ phase: 'Failed', reason: 'ArchiveNotConfigured' });
    await world.settle(20);
    expect(world.workspace?.status?.phase).toBe('Running');
  });

  it('goes on whenever the operator dies', async () => {
    for (let writes = 0; writes < 12; writes += 1) {
      const world = await asked();
      for (let round = 0; round < 12; round += 1) {
        world.kubelet();
        world.agent?.progress('Completed');
        world.catchUp();
        world.listen();
        await world.reconcile({ writes: writes % 6, after: writes >= 6 });
        world.now += 250;
      }
      await world.settle(12);
      expect(checkpoint(world)?.archive?.phase).toBe('InProgress');
      expect(podOf(world)).toBeDefined();
      expect(world.violations).toEqual([]);
    }
  });

  it('follows each sleep of a workspace that wants it so, and is given up by a wake', async () => {
    const world = new World();
    world.server.change(resources.classes, { name: 'standard' }, { spec: { archive: bucket } });
    world.createWorkspace({ checkpoint: { archive: true, keep: 1 } });
    await world.settle(8);
    world.now += 20_000;
    await world.settle(8);
    expect(checkpoint(world, 'hello-1')?.archive?.phase).toBe('InProgress');
    world.send();
    await world.settle(8);
    expect(checkpoint(world, 'hello-1')).toMatchObject({
      phase: 'Completed',
      archive: { phase: 'Failed', reason: 'Interrupted' },
    });
    world.now += 20_000;
    await world.settle(8);
    expect(checkpoint(world, 'hello-2')?.archive?.phase).toBe('InProgress');
    expect(checkpoint(world, 'hello-1')).toBeUndefined();
    expect(world.violations).toEqual([]);
  });

  it('goes with its workspace', async () => {
    const world = await archiving();
    world.deleteWorkspace();
    await world.settle(6);
    expect([podOf(world), world.claim, world.workspace]).toEqual([undefined, undefined, undefined]);
  });
});

describe('a fork of an archive', () => {
  const source = { source: { checkpointRef: { name: 'ada-3' } } };
  const archive = {
    ...{ phase: 'Completed', repository: 'team/ada/uid-of-ada', bytes: 1_000 },
    snapshots: { state: id('a'), home: id('b') },
  };

  async function begin(its: object, spec: object = source): Promise<World> {
    const world = new World();
    world.server.change(resources.classes, { name: 'standard' }, { spec: { archive: bucket } });
    const at = { namespace: 'team', name: 'ada-3' };
    world.server.insert(resources.checkpoints, {
      metadata: at,
      spec: { workspaceRef: { name: 'ada' }, trigger: 'Manual' },
    });
    world.server.changeStatus(resources.checkpoints, at, { phase: 'Completed', sequence: 3, archive: its });
    world.createWorkspace(spec);
    await world.settle(3);
    return world;
  }

  it('fills its empty volume before anything else of the pod starts, once', async () => {
    const world = await begin(archive);
    expect(world.claim?.spec?.dataSource).toBeUndefined();
    expect(world.pod?.spec?.initContainers?.map((each) => each.name)).toEqual([
      'restore-home',
      'restore-state',
    ]);
    const secrets = world.server.all(resources.secrets) as {
      metadata: { name: string };
      data?: Record<string, string>;
    }[];
    const data = secrets.find(({ metadata }) => metadata.name === 'hello-archive')?.data;
    expect(Buffer.from(data?.['source-password'] ?? '', 'base64').toString()).toBe(
      'password of team/ada/uid-of-ada',
    );
    // Neither half of it is for what a model drives.
    const tools = world.pod?.spec?.containers.find((each) => each.name === 'workspace');
    expect(tools?.volumeMounts?.map((each) => each.name)).not.toContain('archive');

    await world.settle(8);
    expect(world.workspace?.status).toMatchObject({
      phase: 'Running',
      forkedFrom: { workspaceUID: 'uid-of-ada', archive: { restored: true } },
    });
    world.deletePod();
    await world.settle(12);
    expect(world.workspace?.status?.phase).toBe('Running');
    expect(world.pod?.spec?.initContainers).toBeUndefined();
    expect(world.workspace?.status?.conditions?.find((each) => each.type === 'UpToDate')?.reason).toBe(
      'Current',
    );
  });

  it('of another cluster is opened with the password that it brings along', async () => {
    const world = new World();
    const { phase: _, ...where } = archive;
    const imported = {
      ...where,
      ...{ workspace: 'ada', workspaceUID: 'uid-of-ada', checkpoint: 'ada-3', sequence: 3 },
      passwordSecretRef: { name: 'brought', key: 'password' },
    };
    world.createWorkspace({ source: { archive: { ...imported, repository: 'elsewhere/ada/uid-of-ada' } } });
    await world.settle(3);
    expect(world.pod?.spec?.volumes?.find((each) => each.name === 'archive')?.secret).toMatchObject({
      secretName: 'brought',
      items: [{ key: 'password', path: 'source-password' }],
    });
    const secrets = world.server.all(resources.secrets) as { data?: Record<string, string> }[];
    const [config] = secrets.flatMap(({ data }) => data?.['config.json'] ?? []);
    expect(JSON.parse(Buffer.from(config ?? '', 'base64').toString()).source).toEqual({
      workspace: { namespace: 'elsewhere', name: 'ada', uid: 'uid-of-ada' },
      sequence: 3,
    });
    // Nothing of this cluster's keys is told to it.
    expect(secrets).toHaveLength(1);
    await world.settle(8);
    expect(world.workspace?.status).toMatchObject({
      phase: 'Running',
      forkedFrom: { archive: { repository: 'elsewhere/ada/uid-of-ada', restored: true } },
    });
  });

  it('waits for an archive that is under way, and says why where there will be none', async () => {
    const storage = (world: World) =>
      world.workspace?.status?.conditions?.find((each) => each.type === 'StorageReady');
    expect(storage(await begin({ phase: 'InProgress' }))?.reason).toBe('SourceNotReady');
    const failed = storage(await begin({ phase: 'Failed', message: 'There is no bucket.' }));
    expect(failed).toMatchObject({
      reason: 'SourceUnusable',
      message: expect.stringContaining('There is no bucket.'),
    });
    const small = storage(
      await begin({ ...archive, bytes: 2 ** 31 }, { ...source, storage: { size: '1Gi' } }),
    );
    expect(small).toMatchObject({ reason: 'SourceUnusable', message: expect.stringContaining('too small') });
  });
});
