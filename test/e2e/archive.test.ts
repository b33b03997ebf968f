import { type AgentCheckpoint, type AgentWorkspace, apiVersion } from '@dormouse/crds';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bucketSecret, bucketSpec, startBucket } from '../support/bucket.ts';
import { classLikeDefault } from '../support/classes.ts';
import { type KubernetesObject, reference } from '../support/cluster.ts';
import { resticProgram } from '../support/go-program.ts';
import { run } from '../support/program.ts';
import { type S3Server, s3Key } from '../support/s3-server/index.ts';
import { suite } from '../support/suite.ts';
import type { WorkspaceInput } from '../support/workspaces.ts';

type Stored = KubernetesObject & AgentCheckpoint;

const here = suite('archive');
const opened: AsyncDisposable[] = [];
let s3: S3Server;
let secret: string;
/** The names of a class whose bucket is there, and of one whose bucket is not. */
let archiving: string;
let failing: string;

beforeAll(async () => {
  const { cluster, workspaces } = here;
  const { namespace } = workspaces;
  s3 = await startBucket();
  const stored = await bucketSecret(cluster, `bucket-of-${namespace}`);
  secret = stored.name;
  const spec = bucketSpec(s3, secret, namespace);
  const good = await classLikeDefault(cluster, namespace, (of) => {
    of.archive = spec;
  });
  const bad = await classLikeDefault(cluster, `${namespace}-bad`, (of) => {
    of.archive = { ...spec, bucket: 'nowhere' };
  });
  [archiving, failing] = [good.name, bad.name];
  opened.push(s3, stored, good, bad);
});
afterAll(async () => {
  for (const each of opened) await each[Symbol.asyncDispose]();
});

/** Of a class; it would stay awake for an hour. */
const spec = (classRef: string, more: WorkspaceInput = {}): WorkspaceInput => ({
  classRef: { name: classRef },
  idle: { after: '1h' },
  ...more,
});
const from = (checkpoint: string): WorkspaceInput =>
  spec(archiving, { source: { checkpointRef: { name: checkpoint } } });
const at = (name: string) => reference(apiVersion, 'AgentCheckpoint', name, here.workspaces.namespace);

async function ask(workspace: string, name: string): Promise<void> {
  await here.cluster.create({
    ...at(name),
    spec: { workspaceRef: { name: workspace }, archive: true },
  } as KubernetesObject);
}

async function archive(name: string, phase: 'InProgress' | 'Completed' | 'Failed' = 'Completed') {
  const found = await here.cluster.waitFor<Stored>(
    at(name),
    `archive ${phase}`,
    (checkpoint) => checkpoint?.status?.archive?.phase === phase,
    120_000,
  );
  return found?.status?.archive ?? { phase };
}

/** Snapshots in the repository of a workspace, as plain restic sees them. */
async function snapshotsOf(workspace: string): Promise<number> {
  const { workspaces, cluster } = here;
  const { namespace } = workspaces;
  const { metadata } = await workspaces.get(workspace);
  const stored = await cluster.get<KubernetesObject & { data?: Record<string, string> }>(
    reference('v1', 'Secret', `${workspace}-archive`, namespace),
  );
  const repository = `s3:http://${s3.address}/archives/${namespace}/${namespace}/${workspace}/${metadata.uid}`;
  const { stdout, stderr, code } = await run(
    await resticProgram(),
    ['-r', repository, 'snapshots', '--json'],
    {
      env: {
        RESTIC_PASSWORD: Buffer.from(stored?.data?.password ?? '', 'base64').toString(),
        AWS_ACCESS_KEY_ID: s3Key.accessKeyId,
        AWS_SECRET_ACCESS_KEY: s3Key.secretAccessKey,
      },
    },
  );
  if (code !== 0) throw new Error(stderr);
  return (JSON.parse(stdout) as unknown[]).length;
}

describe('a workspace that is archived', () => {
  it('sleeps for it, and can be forked from the bucket', async () => {
    const { workspaces, cluster } = here;
    await workspaces.create('origin', spec(archiving));
    await workspaces.ask('origin', 'remember: the heron nests on the north bank');
    await workspaces.ask('origin', 'write notes.txt: three eggs');
    await workspaces.ask('origin', 'run: head -c 20000000 /dev/urandom > large');
    await ask('origin', 'first');
    const first = await archive('first');
    expect(first).toMatchObject({ percent: 100 });
    expect(first.bytes).toBeGreaterThan(20_000_000);
    expect(first.addedBytes).toBeGreaterThan(20_000_000);
    expect((await workspaces.get('origin')).status?.phase).toBe('Suspended');

    await workspaces.create('branch', from('first'));
    expect(await workspaces.ask('branch', 'run: cat notes.txt; stat -c %U:%a notes.txt')).toMatch(
      /three eggs.*agent:644/s,
    );
    expect(await workspaces.ask('branch', 'recall')).toContain('the heron nests on the north bank');
    const { metadata } = await workspaces.get('origin');
    expect((await workspaces.get('branch')).status?.forkedFrom).toMatchObject({
      workspace: 'origin',
      workspaceUID: metadata.uid,
      checkpoint: 'first',
      archive: { restored: true },
    });

    await workspaces.ask('origin', 'write notes.txt: four eggs');
    await ask('origin', 'second');
    const second = await archive('second');
    expect(second.addedBytes).toBeLessThan(1_000_000);
    await workspaces.create('other', from('second'));
    expect(await workspaces.ask('other', 'run: cat notes.txt')).toContain('four eggs');
    expect(await workspaces.ask('branch', 'run: cat notes.txt')).toContain('three eggs');

    // A rewind without snapshots keeps the present in the bucket, too.
    await cluster.create({
      ...at('back'),
      spec: { workspaceRef: { name: 'origin' }, trigger: 'BeforeRewind', rewindTo: { name: 'first' } },
    } as KubernetesObject);
    const rewound = await cluster.waitFor<KubernetesObject & AgentWorkspace>(
      workspaces.reference('origin'),
      'rewound',
      (found) => ['Completed', 'Failed'].includes(found?.status?.rewind?.phase ?? ''),
      120_000,
    );
    expect(rewound?.status?.rewind).toMatchObject({
      phase: 'Completed',
      to: { archive: { place: 'Bucket' } },
    });
    expect(await workspaces.ask('origin', 'run: cat notes.txt')).toContain('three eggs');
    expect((await archive('back')).place).toBe('Bucket');

    // The key of the bucket stays with the gateway.
    const secrets = await cluster.list<KubernetesObject & { data?: object }>('v1', 'Secret', {
      namespace: workspaces.namespace,
    });
    expect(JSON.stringify(secrets)).not.toContain(Buffer.from('not-a-secret-at-all').toString('base64'));
    expect(
      await workspaces.ask('branch', 'run: env; cat /etc/dormouse*/* 2>&1; ls /var/run/secrets'),
    ).not.toMatch(/not-a-secret|password/);
  });

  it('wakes at once while it is archived, and is archived when it sleeps again', async () => {
    const { workspaces } = here;
    await workspaces.create('wanted', spec(archiving));
    await workspaces.ask('wanted', 'run: head -c 400000000 /dev/urandom > large');
    await ask('wanted', 'interrupted');
    await archive('interrupted', 'InProgress');
    const since = Date.now();
    await workspaces.ask('wanted', 'say: here');
    expect(Date.now() - since).toBeLessThan(20_000);
    expect((await archive('interrupted')).bytes).toBeGreaterThan(400_000_000);
  });

  it('is archived with each sleep where it wants that, and the bucket keeps as many as it says', async () => {
    const { workspaces, cluster } = here;
    const more: WorkspaceInput = { idle: { after: '5s' }, checkpoint: { archive: true, keep: 1 } };
    await workspaces.create('always', spec(archiving, more));
    for (const each of ['always-1', 'always-2', 'always-3']) {
      await workspaces.ask('always', 'run: head -c 5000000 /dev/urandom > large');
      expect((await archive(each)).addedBytes).toBeGreaterThan(5_000_000);
    }
    expect(await cluster.get(at('always-1'))).toBeUndefined();
    // Two snapshots of the newest one, and two that the next archive forgets.
    expect(await snapshotsOf('always')).toBeLessThanOrEqual(4);
  });

  it('says what is wrong where the bucket is missing, and wakes all the same', async () => {
    const { workspaces } = here;
    await workspaces.create('unlucky', spec(failing));
    await workspaces.ask('unlucky', 'say: hello');
    await ask('unlucky', 'lost');
    const { message, reason } = await archive('lost', 'Failed');
    expect(reason).toBe('ArchiveFailed');
    expect(message).toContain('There is no bucket nowhere');
    await workspaces.create('stuck', from('lost'));
    expect(await workspaces.condition('stuck', 'StorageReady', 'False', 'SourceUnusable')).toContain(
      'There is no bucket nowhere',
    );
    expect(await workspaces.ask('unlucky', 'say: still here')).toContain('still here');
  });

  it('is refused where its class names no bucket', async () => {
    const { workspaces, cluster } = here;
    await workspaces.create('plain');
    await workspaces.ask('plain', 'say: hello');
    await ask('plain', 'refused');
    const found = await cluster.waitFor<Stored>(
      at('refused'),
      'failed',
      (checkpoint) =>
        checkpoint?.status?.phase === 'Failed' || checkpoint?.status?.archive?.phase === 'Failed',
    );
    expect(found?.status?.message ?? found?.status?.archive?.message).toContain('names no bucket');
  });
});
