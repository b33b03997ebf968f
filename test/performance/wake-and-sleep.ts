/**
 * How long a wake and a sleep take, beside what Kubernetes alone takes for the same pod (`bare-pod.ts`). Samples of both take
 * turns, so that what else happens on the machine touches both.
 */
import type { Cluster } from '../support/cluster.ts';
import { Workspaces } from '../support/workspaces.ts';
import { BarePod, quiet } from './bare-pod.ts';
import { cycle } from './cycle.ts';
import { type Aim, percentile, summary } from './statistics.ts';

/** Milliseconds, `samples` of each; the aims are ratios of medians. */
export async function wakeAndSleep(cluster: Cluster, samples: number) {
  await using namespace = await cluster.namespace('bench-wake');
  const workspaces = new Workspaces(cluster, namespace.name);
  await workspaces.create('w');
  await workspaces.ask('w', 'say: up');
  const pod = await BarePod.like(workspaces, 'w');
  await workspaces.asleep('w');

  const series = {
    wake: [] as number[],
    sleep: [] as number[],
    bareStart: [] as number[],
    bareEnd: [] as number[],
    bareKill: [] as number[],
  };
  // Not counted: binds the bare claim.
  await pod.start();
  await pod.end();
  await quiet();
  for (let sample = 0; sample < samples; sample += 1) {
    const { delivered, sleep } = await cycle(workspaces, 'w');
    series.wake.push(delivered);
    series.sleep.push(sleep);
    await quiet();
    series.bareStart.push(await pod.start());
    // Every other one as a sleep deletes: its end is of another kind, its start is not.
    if (sample % 2 === 0) series.bareEnd.push(await pod.end());
    else series.bareKill.push(await pod.end({ gracePeriodSeconds: 0 }));
    await quiet();
  }
  const ratio = (of: number[], to: number[]) => percentile(of, 0.5) / percentile(to, 0.5);
  return {
    milliseconds: {
      wake: summary(series.wake),
      sleep: summary(series.sleep),
      bareStart: summary(series.bareStart),
      bareEnd: summary(series.bareEnd),
      bareKill: summary(series.bareKill),
    },
    aims: {
      'wake / bare start': { figure: ratio(series.wake, series.bareStart), most: 1.3 },
      'sleep / bare end': { figure: ratio(series.sleep, series.bareEnd), most: 1.5 },
    } satisfies Record<string, Aim>,
  };
}
