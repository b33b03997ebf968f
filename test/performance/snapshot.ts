/**
 * What a VolumeSnapshot with each sleep costs, and a fork of it: a home of so many MiB, beside the sleep of the same workspace without a
 * snapshot and beside a workspace that is new. Copying is the storage's affair: the figures say as much about its driver.
 */
import type { Cluster } from '../support/cluster.ts';
import { type WorkspaceInput, Workspaces } from '../support/workspaces.ts';
import { quiet } from './bare-pod.ts';
import { cycle } from './cycle.ts';
import { type Aim, percentile, summary } from './statistics.ts';

const withSnapshots: WorkspaceInput = { checkpoint: { volumeSnapshotClassName: 'standard' } };
const storage: WorkspaceInput = { storage: { size: '2Gi' } };

/** Milliseconds; `forks` are made at once at the end. */
export async function snapshot(cluster: Cluster, { samples, mebibytes, forks }: Shape) {
  await using namespace = await cluster.namespace('bench-snapshot');
  const workspaces = new Workspaces(cluster, namespace.name);
  const begun = async (name: string, spec: WorkspaceInput): Promise<number> => {
    const since = performance.now();
    await workspaces.create(name, { ...storage, ...spec });
    await workspaces.ask(name, 'say: up', 'default', 600_000);
    return performance.now() - since;
  };
  const made = `run: head -c ${mebibytes * 2 ** 20} /dev/urandom | split -b 256K - part- && sync`;
  for (const [name, spec] of [
    ['with', withSnapshots],
    ['without', {}],
  ] as const) {
    await begun(name, spec);
    await workspaces.ask(name, made, 'default', 600_000);
    await workspaces.asleep(name, 300_000);
  }
  const sleeps: Record<'with' | 'without', number[]> = { with: [], without: [] };
  const starts: Record<'fork' | 'fresh', number[]> = { fork: [], fresh: [] };
  for (let sample = 0; sample < samples; sample += 1) {
    for (const name of ['with', 'without'] as const) {
      await quiet();
      sleeps[name].push((await cycle(workspaces, name, true)).sleep);
    }
    const source = { checkpointRef: { name: (await workspaces.get('with')).status?.checkpoint?.name ?? '' } };
    await quiet();
    starts.fork.push(await begun(`fork-${sample}`, { source }));
    await quiet();
    starts.fresh.push(await begun(`fresh-${sample}`, {}));
    for (const each of ['fork', 'fresh']) await cluster.delete(workspaces.reference(`${each}-${sample}`));
  }
  const source = { checkpointRef: { name: (await workspaces.get('with')).status?.checkpoint?.name ?? '' } };
  await quiet();
  const since = performance.now();
  await Promise.all(Array.from({ length: forks }, (_, at) => begun(`at-once-${at}`, { source })));
  const together = performance.now() - since;
  const median = (of: number[]) => percentile(of, 0.5);
  return {
    mebibytes,
    milliseconds: {
      'sleep with a snapshot': summary(sleeps.with),
      'sleep without': summary(sleeps.without),
      'fork, until it answered': summary(starts.fork),
      'new workspace, until it answered': summary(starts.fresh),
      [`${forks} forks at once, until all answered`]: Math.round(together),
    },
    aims: {
      'forks at once, seconds each': { figure: together / 1000 / forks, most: 5 },
      'snapshot of a sleep, seconds': {
        figure: (median(sleeps.with) - median(sleeps.without)) / 1000,
        most: 5,
      },
    } satisfies Record<string, Aim>,
  };
}

export interface Shape {
  samples: number;
  /** Of the home. */
  mebibytes: number;
  forks: number;
}
