/**
 * Ten thousand workspaces, all but a few of which sleep: what the operator then takes in memory and processor time, and how
 * soon one that starts knows them all. The objects are those that a sleep leaves behind (workspace with its status, claim,
 * checkpoint); one workspace sleeps for real and is the pattern of the others, which are written while no operator runs.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { type AgentCheckpoint, type AgentWorkspace, apiVersion, workspaceLabel } from '@dormouse/crds';
import { type Cluster, type KubernetesObject, reference } from '../support/cluster.ts';
import { eachOf } from '../support/each-of.ts';
import { leader, podsOf, replicas, scale } from '../support/operator.ts';
import { type Pod, Workspaces } from '../support/workspaces.ts';
import { logOf, settled, usage } from './operator-process.ts';
import { type Aim, rounded } from './statistics.ts';

type Stored<T> = T & KubernetesObject;

/** `awake` of `count` run. The processor time of the leader is taken over `seconds`. */
export async function sleepers(
  cluster: Cluster,
  { count, awake, seconds }: { count: number; awake: number; seconds: number },
) {
  const running = await replicas(cluster);
  const namespace = await cluster.namespace('bench-sleepers');
  const workspaces = new Workspaces(cluster, namespace.name);
  await workspaces.create('pattern');
  await workspaces.ask('pattern', 'say: hello');
  const pattern = (await workspaces.asleep('pattern')) as Stored<AgentWorkspace>;
  const claim = await cluster.get(workspaces.claim('pattern'));
  const checkpoint = (await workspaces.checkpoints('pattern'))[0];
  if (claim === undefined || checkpoint === undefined) throw new Error('the pattern left nothing behind');

  const names = Array.from({ length: count - awake }, (_, index) => `s${String(index).padStart(5, '0')}`);
  await scale(cluster, 0);
  try {
    const begun = performance.now();
    await eachOf(names, 16, async (name) => {
      await asleep(cluster, namespace.name, name, { pattern, claim, checkpoint });
    });
    note(
      `${names.length} sleeping workspaces written in ${Math.round((performance.now() - begun) / 1000)} s`,
    );
  } catch (error) {
    await scale(cluster, running);
    throw error;
  }
  // One after the other, as replicas are replaced: two that start at once wait for the same API server.
  for (let up = 1; up <= running; up += 1) {
    await scale(cluster, up);
    await settled(cluster, await leader(cluster));
  }
  const cold = await coldStart(cluster);

  const wakers = Array.from({ length: awake }, (_, index) => `awake${index}`);
  await eachOf(wakers, 4, async (name) => {
    await workspaces.create(name, { runPolicy: 'Always' });
    await workspaces.inPhase(name, 'Running', 180_000);
  });
  const lead = await leader(cluster);
  await settled(cluster, lead);
  const before = await usage(cluster, lead);
  await pause(seconds * 1000); // the measured interval
  const after = await usage(cluster, lead);
  const cpuShare = (after.cpuSeconds - before.cpuSeconds) / seconds;
  const resident = after.residentBytes / 2 ** 20;

  return {
    // Minutes long, so what was measured is told before.
    cleanUp: () => remove(cluster, namespace.name, running),
    workspaces: count,
    awake,
    startToSyncedSeconds: cold,
    residentMiB: Math.round(resident),
    idleCpuPercent: rounded(cpuShare * 100),
    aims: {
      'operator RSS, MiB': { figure: resident, most: 200 },
      'idle CPU, percent of a core': { figure: cpuShare * 100, most: 1 },
      'cold start to synced, s': { figure: Math.max(...cold), most: 5 },
    } satisfies Record<string, Aim>,
  };
}

interface Pattern {
  pattern: Stored<AgentWorkspace>;
  claim: KubernetesObject;
  checkpoint: Stored<AgentCheckpoint>;
}

/** The objects of one sleeping workspace, as the operator would have left them. */
async function asleep(
  cluster: Cluster,
  namespace: string,
  name: string,
  { pattern, claim, checkpoint }: Pattern,
): Promise<void> {
  const workspace = reference(apiVersion, 'AgentWorkspace', name, namespace);
  const owned = { namespace, labels: { [workspaceLabel]: name } };
  const { uid } = (
    await cluster.create({
      ...workspace,
      metadata: { ...workspace.metadata, finalizers: pattern.metadata.finalizers },
      spec: pattern.spec,
    } as KubernetesObject)
  ).metadata;
  const record = `${name}-1`;
  await Promise.all([
    cluster.patch(
      workspace,
      {
        status: {
          ...pattern.status,
          checkpoint: { ...pattern.status?.checkpoint, name: record },
        },
      },
      { subresource: 'status' },
    ),
    (async () => {
      const { volumeName: _, ...spec } = (claim as unknown as { spec: { volumeName?: string } }).spec;
      await cluster.create({
        ...reference('v1', 'PersistentVolumeClaim', name, namespace),
        metadata: { ...owned, name, labels: claim.metadata.labels },
        // A volume that is not there: no volume is made ten thousand times, and nobody goes on trying to.
        spec: { ...spec, volumeName: `bench-none-${name}` },
      } as KubernetesObject);
    })(),
    (async () => {
      const object = await cluster.create({
        apiVersion,
        kind: 'AgentCheckpoint',
        metadata: {
          ...owned,
          name: record,
          ownerReferences: [{ apiVersion, kind: 'AgentWorkspace', name, uid, controller: true }],
        },
        spec: { workspaceRef: { name }, trigger: 'Idle' },
      } as unknown as KubernetesObject);
      await cluster.patch(object, { status: checkpoint.status }, { subresource: 'status' });
    })(),
  ]);
}

/** Seconds from the start of each replica's process until its caches were filled. */
async function coldStart(cluster: Cluster): Promise<number[]> {
  const seconds: number[] = [];
  for (const pod of await podsOf(cluster, 'operator')) {
    const filled = (await logOf(cluster, pod as Pod)).find(({ msg }) => msg === 'caches are filled');
    if (typeof filled?.seconds !== 'number') throw new Error(`${pod.metadata.name} never filled its caches`);
    seconds.push(rounded(filled.seconds));
  }
  return seconds;
}

/** Without an operator, so that ten thousand workspaces need not be terminated one by one. */
async function remove(cluster: Cluster, namespace: string, running: number): Promise<void> {
  await scale(cluster, 0);
  try {
    const begun = performance.now();
    const left = await cluster.list(apiVersion, 'AgentWorkspace', { namespace });
    await eachOf(left, 16, (each) => cluster.patch(each, { metadata: { finalizers: null } }));
    const object = reference('v1', 'Namespace', namespace);
    await cluster.delete(object);
    await cluster.waitUntilGone(object, 900_000);
    note(`removed in ${Math.round((performance.now() - begun) / 1000)} s`);
  } finally {
    await scale(cluster, running);
  }
}

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}
