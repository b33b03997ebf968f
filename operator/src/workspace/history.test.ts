import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resources } from '../kube/index.ts';
import { World } from './simulation/world.ts';

type Cache = keyof World['caches'];
const cacheNames: Cache[] = [
  'workspaces',
  'classes',
  'pods',
  'claims',
  'checkpoints',
  'messages',
  'volumeSnapshots',
];

/** Something that happens, told as data so that a failing history can be read and shrunk. */
const happening = fc.oneof(
  { weight: 8, arbitrary: fc.constant({ what: 'reconcile' } as const) },
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant('crash' as const),
      writes: fc.nat({ max: 5 }),
      after: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constant('watch' as const),
      cache: fc.constantFrom(...cacheNames),
      changes: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ what: 'catch up' } as const) },
  {
    weight: 1,
    arbitrary: fc.record({
      what: fc.constant('rewind' as const),
      cache: fc.constantFrom(...cacheNames),
      changes: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ what: 'listen' } as const) },
  { weight: 4, arbitrary: fc.constant({ what: 'kubelet' } as const) },
  { weight: 4, arbitrary: fc.constant({ what: 'work' } as const) },
  { weight: 3, arbitrary: fc.constant({ what: 'checkpoint completes' } as const) },
  { weight: 1, arbitrary: fc.constant({ what: 'checkpoint fails' } as const) },
  { weight: 2, arbitrary: fc.constant({ what: 'agent crashes' } as const) },
  { weight: 3, arbitrary: fc.constant({ what: 'message' } as const) },
  { weight: 1, arbitrary: fc.constant({ what: 'manual checkpoint' } as const) },
  { weight: 1, arbitrary: fc.constant({ what: 'manual snapshot' } as const) },
  { weight: 3, arbitrary: fc.constant({ what: 'snapshot is cut' } as const) },
  { weight: 1, arbitrary: fc.constant({ what: 'snapshot is ready' } as const) },
  { weight: 1, arbitrary: fc.constant({ what: 'snapshot fails' } as const) },
  { weight: 1, arbitrary: fc.constant({ what: 'checkpoint deleted' } as const) },
  { weight: 3, arbitrary: fc.constant({ what: 'archived' } as const) },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constant('go back' as const),
      to: fc.constantFrom('oldest', 'newest'),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ what: 'restored volume is bad' } as const) },
  { weight: 1, arbitrary: fc.constant({ what: 'pod deleted' } as const) },
  { weight: 1, arbitrary: fc.constant({ what: 'pod evicted' } as const) },
  { weight: 1, arbitrary: fc.constant({ what: 'operator restarts' } as const) },
  { weight: 1, arbitrary: fc.constant({ what: 'attach' } as const) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('image' as const), tag: fc.nat({ max: 3 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      what: fc.constant('run policy' as const),
      runPolicy: fc.constantFrom('Auto', 'Always', 'Suspended'),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ what: 'update at once' } as const) },
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant('time' as const),
      milliseconds: fc.integer({ min: 1, max: 20_000 }),
    }),
  },
);
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

/** Where a history begins; most of what matters is several steps away from a new workspace. */
const beginnings = [
  'new',
  'running',
  'working',
  'checkpointing',
  'snapshotting',
  'asleep',
  'awake again',
  'going back',
] as const;
const beginning = fc.constantFrom(...beginnings);
const checkpoint = fc.constantFrom({}, { volumeSnapshotClassName: 'standard' }, { archive: true });
const bucket = {
  ...{ bucket: 'archives', endpoint: 'http://s3.test', region: 'us-east-1', timeout: '1h' },
  credentialsSecretRef: { name: 'bucket' },
};
/** Where the class has archives put. */
const archive = fc.constantFrom(undefined, bucket, { volume: { quota: '1Gi' }, timeout: '1h' });

async function begin(world: World, from: (typeof beginnings)[number]): Promise<void> {
  world.catchUp();
  if (from === 'new') return;
  if (from === 'asleep') return world.settle(80);
  if (from === 'awake again' || from === 'going back') {
    await world.settle(80);
    world.send();
    await world.settle(8);
    if (from === 'awake again') return;
    world.requestRewind('newest');
    return look(world);
  }
  await world.settle(8);
  if (from === 'running') return;
  if (from === 'working') {
    world.send();
    world.catchUp();
    return world.reconcile();
  }
  world.now += 20_000;
  await look(world);
  if (from === 'checkpointing') return;
  world.agent?.progress('Completed');
  await look(world);
}

async function look(world: World): Promise<void> {
  world.catchUp();
  world.listen();
  await world.reconcile();
}

async function happen(world: World, event: Happening): Promise<void> {
  switch (event.what) {
    case 'reconcile':
      return world.reconcile();
    case 'crash':
      return world.reconcile(event);
    case 'watch':
      world.caches[event.cache].catchUp(event.changes);
      return;
    case 'catch up':
      return world.catchUp();
    case 'rewind':
      return world.caches[event.cache].rewind(event.changes);
    case 'listen':
      return world.listen();
    case 'kubelet':
      return world.kubelet();
    case 'work':
      world.agent?.work();
      return;
    case 'checkpoint completes':
      return world.agent?.progress('Completed');
    case 'checkpoint fails':
      return world.agent?.progress('Failed');
    case 'agent crashes':
      return world.agent?.crash();
    case 'message':
      return world.send();
    case 'manual checkpoint':
      return world.requestCheckpoint();
    case 'manual snapshot':
      return world.requestCheckpoint(true);
    case 'snapshot is cut':
      return world.snapshotter('cut');
    case 'snapshot is ready':
      return world.snapshotter('ready');
    case 'snapshot fails':
      return world.snapshotter('fails');
    case 'checkpoint deleted':
      return world.deleteCheckpoint();
    case 'archived':
      return world.archiver();
    case 'go back':
      return world.requestRewind(event.to);
    case 'restored volume is bad':
      world.badRestore = true;
      return;
    case 'pod deleted':
      return world.deletePod();
    case 'pod evicted':
      return world.evict();
    case 'operator restarts':
      return world.restartOperator();
    case 'attach':
      return world.attach(5_000);
    case 'image':
      return world.editClass(`agent:${event.tag}`);
    case 'run policy':
      return world.editWorkspace({ spec: { runPolicy: event.runPolicy } });
    case 'update at once':
      return world.editWorkspace({ spec: { updatePolicy: 'Immediate' } });
    case 'time':
      world.now += event.milliseconds;
  }
}

describe('the histories', () => {
  it('begin where they say', async () => {
    const phases = {
      new: undefined,
      running: 'Running',
      working: 'Running',
      checkpointing: 'Checkpointing',
      snapshotting: 'Checkpointing',
      asleep: 'Suspended',
      'awake again': 'Running',
      'going back': 'Checkpointing',
    } as const;
    for (const from of beginnings) {
      const world = new World();
      world.createWorkspace({ checkpoint: { volumeSnapshotClassName: 'standard' } });
      await begin(world, from);
      expect(world.workspace?.status?.phase).toBe(phases[from]);
    }
  });
});

describe('whatever happens to a workspace', () => {
  it('keeps every invariant at every write, and in the end answers every message and sleeps', async () => {
    await fc.assert(
      fc.asyncProperty(
        beginning,
        checkpoint,
        archive,
        fc.array(happening, { maxLength: 60 }),
        async (from, checkpoint, archive, events) => {
          const world = new World();
          if (archive !== undefined)
            world.server.change(resources.classes, { name: 'standard' }, { spec: { archive } });
          world.archives = true;
          world.createWorkspace({ checkpoint });
          await begin(world, from);
          world.archives = false;
          for (const event of events) {
            await happen(world, event);
            world.check();
            expect(world.violations).toEqual([]);
          }
          world.editWorkspace({ spec: { runPolicy: 'Auto' } });
          world.archives = true;
          await world.settle();
          expect(world.violations).toEqual([]);
          for (const { status } of world.messages)
            expect([status?.phase, status?.reason]).toEqual(
              status?.phase === 'Failed' ? ['Failed', 'WorkspaceRewound'] : ['Completed', undefined],
            );
          expect(world.workspace?.status?.phase).toBe('Suspended');
          expect(world.pod).toBeUndefined();
          // A rewind ended in one of two states, and left nothing.
          const { rewind } = world.workspace?.status ?? {};
          if (rewind !== undefined) {
            expect(['Completed', 'Failed']).toContain(rewind.phase);
            expect(world.volume.rewound?.id === rewind.uid).toBe(rewind.phase === 'Completed');
          }
          expect(world.server.all(resources.persistentVolumeClaims)).toEqual([world.claim]);
          // Every snapshot that is left is named, and the last sleep has one where it was to.
          for (const { metadata } of world.volumeSnapshots) expect(world.named).toContain(metadata.name);
        },
      ),
      { numRuns: Number(process.env.HISTORIES ?? 150) },
    );
  }, 120_000);

  it('ends everything when it is deleted in the middle of that', async () => {
    await fc.assert(
      fc.asyncProperty(
        beginning,
        fc.array(happening, { maxLength: 30 }),
        fc.constantFrom('Delete', 'Retain'),
        fc.array(happening, { maxLength: 10 }),
        async (from, events, retain, afterwards) => {
          const world = new World();
          world.createWorkspace({ storage: { retain } });
          await begin(world, from);
          for (const event of events) await happen(world, event);
          world.deleteWorkspace();
          for (const event of afterwards) await happen(world, event);
          await world.settle(100);
          expect(world.violations).toEqual([]);
          expect(world.workspace).toBeUndefined();
          expect(world.pod).toBeUndefined();
          if (retain === 'Delete') expect(world.claim).toBeUndefined();
        },
      ),
      { numRuns: Number(process.env.HISTORIES ?? 60) },
    );
  }, 120_000);

  it('has its namespace guarded again at once where that was deleted and made anew', async () => {
    const world = new World();
    const policy = { namespace: 'team', name: 'dormouse-workspaces' };
    world.createWorkspace();
    await world.settle(40);
    expect(world.server.read(resources.networkPolicies, policy)).toBeDefined();
    world.deleteWorkspace();
    await world.settle(40);
    expect(world.workspace).toBeUndefined();
    world.server.remove(resources.networkPolicies, policy);
    world.createWorkspace();
    await world.settle(40);
    expect(world.server.read(resources.networkPolicies, policy)).toBeDefined();
  });
});
