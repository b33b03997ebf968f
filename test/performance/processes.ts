/**
 * What process images cost: workspaces with a process of so much memory, beside one that sleeps and wakes without any. Samples of all
 * take turns, so that what else happens on the machine touches all.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import type { Cluster } from '../support/cluster.ts';
import { type WorkspaceInput, Workspaces } from '../support/workspaces.ts';
import { quiet } from './bare-pod.ts';
import { type Cycle, cycle } from './cycle.ts';
import { type Aim, percentile, rounded, summary } from './statistics.ts';

/** Megabytes of the process; 0 is the workspace without one. */
const sizes = [0, 100, 500] as const;

/** A process with so many MB that no compression makes smaller. */
const holder = (megabytes: number) => `
import os, time
memory = [os.urandom(1 << 20) for _ in range(${megabytes})]
open("ready", "w")
while True: time.sleep(0.1)
`;

function spec(megabytes: number): WorkspaceInput {
  if (megabytes === 0) return {};
  return {
    classRef: { name: 'literal-resume' },
    checkpoint: { processes: 'Restore' },
    services: [{ name: 'holder', command: ['python3', '-c', holder(megabytes)], restart: 'Always' }],
  };
}

/** What one workspace showed. Milliseconds, and bytes. */
interface Series {
  cycles: Cycle[];
  /** Of a checkpoint: until everything is dumped, hashed and on disk. */
  dump: number[];
  /** Of all images together, their digests checked. */
  restore: number[];
  images: number[];
  resident: number[];
}

/** Milliseconds, `samples` of each size; the aims are ratios of medians. */
export async function processes(cluster: Cluster, samples: number) {
  await using namespace = await cluster.namespace('bench-processes');
  const workspaces = new Workspaces(cluster, namespace.name);
  const all = new Map<number, Series>();
  for (const size of sizes) {
    const name = `p${size}`;
    await workspaces.create(name, spec(size));
    await workspaces.ask(name, size === 0 ? 'say: up' : 'run: until [ -e ready ]; do sleep 0.2; done');
    await workspaces.asleep(name);
    all.set(size, { cycles: [], dump: [], restore: [], images: [], resident: [] });
  }
  for (let sample = 0; sample < samples; sample += 1) {
    for (const [size, series] of all) {
      await quiet();
      await measure(workspaces, `p${size}`, size, series);
    }
  }
  const median = (size: number, of: keyof Cycle) =>
    percentile(all.get(size)?.cycles.map((each) => each[of]) ?? [], 0.5);
  const ratio = (size: number, of: keyof Cycle) => median(size, of) / median(0, of);
  const perByte = (size: number) => {
    const { images = [], resident = [] } = all.get(size) ?? {};
    return percentile(images, 0.5) / percentile(resident, 0.5);
  };
  return {
    milliseconds: Object.fromEntries(
      [...all].map(([size, series]) => [
        `${size} MB`,
        {
          answered: summary(series.cycles.map(({ answered }) => answered)),
          sleep: summary(series.cycles.map(({ sleep }) => sleep)),
          ...(size > 0 && { dump: summary(series.dump), restore: summary(series.restore) }),
        },
      ]),
    ),
    ratios: {
      'wake, 500 MB': rounded(ratio(500, 'answered')),
      'sleep, 500 MB': rounded(ratio(500, 'sleep')),
    },
    aims: {
      'wake with 100 MB / without': { figure: ratio(100, 'answered'), most: 1.3 },
      'sleep with 100 MB / without': { figure: ratio(100, 'sleep'), most: 1.3 },
      'image / resident memory, 100 MB': { figure: perByte(100), most: 1.4 },
      'image / resident memory, 500 MB': { figure: perByte(500), most: 1.4 },
    } satisfies Record<string, Aim>,
  };
}

/** One wake and one sleep, and what the checkpoint and the log of the pod say of them. */
async function measure(workspaces: Workspaces, name: string, size: number, series: Series): Promise<void> {
  const awake = size === 0 ? undefined : look(workspaces, name);
  series.cycles.push(await cycle(workspaces, name, true));
  if (awake === undefined) return;
  const { restore, resident } = await awake;
  series.restore.push(restore);
  series.resident.push(resident);
  const checkpoints = await workspaces.checkpoints(name);
  const newest = checkpoints.toSorted((a, b) => (b.status?.sequence ?? 0) - (a.status?.sequence ?? 0))[0];
  series.dump.push(newest?.status?.durations?.stop ?? Number.NaN);
  series.images.push(Number(newest?.status?.bytes));
}

/** While it is awake: the time that its restore took, as its log has it, and the resident memory of its process in bytes. */
async function look(workspaces: Workspaces, name: string): Promise<{ restore: number; resident: number }> {
  await workspaces.inPhase(name, 'Running', 60_000);
  const restore = await restoreTime(workspaces, name);
  const { stdout } = await workspaces.inWorkspace(name, 'ps -C python3 -o rss=');
  return { restore, resident: Number(stdout) * 1024 };
}

async function restoreTime(workspaces: Workspaces, name: string): Promise<number> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const pod = ['--namespace', workspaces.namespace, name, '--container', 'workspace'];
    const { stdout: log } = await workspaces.cluster.kubectl(['logs', ...pod]);
    const line = log.split('\n').find((each) => each.includes('"restored"'));
    if (line !== undefined) return z.object({ ms: z.number() }).parse(JSON.parse(line)).ms;
    if (performance.now() > deadline) throw new Error(`${name} does not say that it restored anything`);
    await pause(100);
  }
}
