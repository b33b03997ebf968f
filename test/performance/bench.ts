/** What Dormouse costs, most of it on the installed release of the cluster that KUBECONFIG names: `npm run bench -- --help`. */
import { execFileSync } from 'node:child_process';
import { availableParallelism, release } from 'node:os';
import { parseArgs } from 'node:util';
import { type Cluster, connect } from '../support/cluster.ts';
import { archive } from './archive.ts';
import { attach } from './attach.ts';
import { burst } from './burst.ts';
import { gateway } from './gateway/gateway.ts';
import { processes } from './processes.ts';
import { runtime } from './runtime/runtime.ts';
import { sleepers } from './sleepers.ts';
import { snapshot } from './snapshot.ts';
import { type Aim, judged } from './statistics.ts';
import { wakeAndSleep } from './wake-and-sleep.ts';

const help = `Usage: npm run bench -- [options] [wake] [processes] [burst] [sleepers] [attach] [archive] [snapshot] [gateway] [runtime]

Measures and prints one JSON line for each; without names, all of them.

  wake       a wake and a sleep, beside a bare pod with the same images and claim
  processes  a wake and a sleep with a process of 100 and of 500 MB that is dumped and restored, beside one without; the size of its image
  burst      1,000 workspaces at once, beside a loop that makes the same objects without an operator
  sleepers   10,000 workspaces that sleep but for 20: memory, processor time, start
  attach     a request through the gateway to a workspace that sleeps, beside the start of its pod and of a bare one; and to
             one that is awake, beside the same request to its agent
  archive    an archive of 1 GiB in 50,000 files, the first and the next ones, beside restic and tar with zstd by themselves
  snapshot   a sleep with a VolumeSnapshot of 1 GiB, a fork of it and twenty at once, beside a sleep without and a new workspace
  gateway    this checkout's gateway beside a direct connection, nginx and a bare proxy in Node.js: time to the first byte,
             requests for a second of processor time, memory of an idle event stream. Takes nginx and wrk
             (hack/bench-programs), and no cluster
  runtime    agentd and workspaced as bundled for the images, with a scripted model: what a turn costs beside model and
             tools, starts, memory, a session of 100 MB. Takes no cluster

  --samples N      of wake, processes, attach and snapshot, starts of runtime (default 20)
  --burst N        workspaces of burst (default 1000)
  --sleepers N     workspaces of sleepers (default 10000)
  --files N        of archive (default 50000)
  --mebibytes N    of the home of snapshot (default 1024)
  --forks N        of snapshot, at once (default 20)
  --requests N     of gateway, one after another (default 4000)
  --messages N     of runtime (default 200)
  --streams N      of gateway, open at the same time (default 5000). It takes N file descriptors, and the gateway 2 N:
                   ulimit -Hn says how many there may be
  --help           this text

All but gateway and runtime measure the installed release, stop and start its operator, and expect that nobody else uses the cluster.
What they make is in namespaces bench-*, which they remove. Exit status 1: an aim was missed; 2: could not measure.
`;

type Benchmark = (
  cluster: () => Cluster,
) => Promise<{ aims: Record<string, Aim>; cleanUp?: () => Promise<void>; [figure: string]: unknown }>;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    samples: { type: 'string', default: '20' },
    burst: { type: 'string', default: '1000' },
    sleepers: { type: 'string', default: '10000' },
    files: { type: 'string', default: '50000' },
    mebibytes: { type: 'string', default: '1024' },
    forks: { type: 'string', default: '20' },
    requests: { type: 'string', default: '4000' },
    streams: { type: 'string', default: '5000' },
    messages: { type: 'string', default: '200' },
    help: { type: 'boolean', default: false },
  },
});

function atLeast(least: number, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  throw new TypeError(`not a whole number of at least ${least}: ${text}`);
}

const benchmarks: Record<string, Benchmark> = {
  wake: (cluster) => wakeAndSleep(cluster(), atLeast(1, values.samples)),
  processes: (cluster) => processes(cluster(), atLeast(1, values.samples)),
  burst: (cluster) => burst(cluster(), atLeast(1, values.burst)),
  sleepers: (cluster) => sleepers(cluster(), { count: atLeast(21, values.sleepers), awake: 20, seconds: 60 }),
  attach: (cluster) => attach(cluster(), atLeast(1, values.samples)),
  archive: (cluster) => archive(cluster(), atLeast(500, values.files)),
  snapshot: (cluster) =>
    snapshot(cluster(), {
      samples: atLeast(1, values.samples),
      mebibytes: atLeast(1, values.mebibytes),
      forks: atLeast(1, values.forks),
    }),
  gateway: () => gateway({ requests: atLeast(100, values.requests), streams: atLeast(1, values.streams) }),
  runtime: () => runtime({ samples: atLeast(1, values.samples), messages: atLeast(1, values.messages) }),
};

async function main(): Promise<number> {
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const unknown = positionals.find((name) => benchmarks[name] === undefined);
  if (unknown !== undefined)
    throw new TypeError(`no benchmark ${unknown}; one of: ${Object.keys(benchmarks).join(', ')}`);
  await using open = new AsyncDisposableStack();
  let connected: Cluster | undefined;
  const cluster = () => {
    connected ??= open.use(connect());
    return connected;
  };
  let missed = 0;
  for (const [name, run] of Object.entries(benchmarks)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    process.stderr.write(`${name} …\n`);
    const { aims, cleanUp, ...figures } = await run(cluster);
    const verdicts = Object.fromEntries(Object.entries(aims).map(([what, aim]) => [what, judged(aim)]));
    missed += Object.values(verdicts).filter(({ met }) => !met).length;
    process.stdout.write(
      `${JSON.stringify({ benchmark: name, ...machine(), ...figures, aims: verdicts })}\n`,
    );
    await cleanUp?.();
  }
  return missed === 0 ? 0 : 1;
}

/** Where and when it was measured. */
function machine(): { date: string; commit: string; cores: number; kernel: string } {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  return {
    date: new Date().toISOString().slice(0, 10),
    commit,
    cores: availableParallelism(),
    kernel: release(),
  };
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 2;
}
