import { randomUUID } from 'node:crypto';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { IdleMemory } from '../idle-memory/idle-memory.ts';
import { wayOutPort } from '../protocol/egress.ts';
import { paths } from '../protocol/paths.ts';
import type { BackgroundTask, ServiceStatus } from '../protocol/tools-api.ts';
import { Listeners } from './api/listeners.ts';
import { routesOf } from './api/routes.ts';
import { createToolsServer } from './api/server.ts';
import { BackgroundTasks, backgroundLimits } from './background/tasks.ts';
import { Sleep } from './checkpoint/sleep.ts';
import { syncFolders } from './checkpoint/sync.ts';
import { systemClock } from './clock.ts';
import { execLimits } from './exec/run.ts';
import { Confinement } from './files/confinement.ts';
import { Gate } from './gate.ts';
import { Criu } from './images/criu.ts';
import { DirectLauncher } from './images/direct-launcher.ts';
import { ProcessImages } from './images/process-images.ts';
import { preloadsIn, withRemedies } from './images/remedies.ts';
import { emptyScratch } from './images/scratch.ts';
import { jsonLog } from './log.ts';
import { Outbound } from './outbound/send.ts';
import { withoutKey } from './outbound/way-out.ts';
import { restoreFolders } from './output/folders.ts';
import { absent } from './output/retention.ts';
import { commandEnvironment, declaredEnvironment } from './process/environment.ts';
import { pipedLauncher } from './process/launcher.ts';
import { endLeftovers } from './process/leftovers.ts';
import { Supervisor } from './services/supervisor.ts';
import { listenOn } from './socket.ts';
import { Terminals, terminalLimits } from './terminal/terminals.ts';

/** Where things are; each can be moved by a variable, for tests and for running outside a pod. */
const { env } = process;
const socketPath = env.DORMOUSE_TOOLS_SOCKET ?? paths.toolsSocket;
const home = env.DORMOUSE_HOME ?? paths.home;
const processes = env.DORMOUSE_PROCESSES ?? paths.processes;
const transcripts = env.DORMOUSE_TRANSCRIPTS ?? paths.transcripts;
const plugins = env.DORMOUSE_PLUGINS ?? paths.plugins;
/** hack/build.ts puts it beside this program. */
const terminalHost = env.DORMOUSE_TERMINAL_HOST ?? join(import.meta.dirname, 'terminal-host');
/** Says that every process of this user that can be seen is the workspace's, and may be ended with it. */
const ownsProcesses = env.DORMOUSE_OWNS_PID_NAMESPACE === '1';
/** Says that this process has what criu takes: see hack/image/with-process-images. */
const makesImages = env.DORMOUSE_PROCESS_IMAGES === '1';
const criuProgram = env.DORMOUSE_CRIU ?? '/opt/criu/criu';
/** Folders on the volume in place of the container's own, where processes may have files open; separated by colons. */
const scratch = env.DORMOUSE_SCRATCH?.split(':').filter(Boolean) ?? [];

/** Milliseconds between TERM and KILL before a sleep, and when the container is told to end, which has 5 s in all. */
const sleepGraceMs = 5_000;
const endGraceMs = 1_000;
const stopMs = 4_000;
/** Bytes at which the log of a service is rotated. */
const rotateAt = 16 * 1024 * 1024;

const log = jsonLog(
  (line) => process.stdout.write(line),
  () => new Date(),
);

/**
 * Every wake waits for this. Bundled, on two busy cores: ready 117 ms after the start at best and 199 ms at the median of 12, of
 * which Node alone takes 28 and 49, and loading its `http` and `child_process` about 40.
 */
async function main(): Promise<void> {
  await mkdir(processes, { recursive: true });
  await restoreFolders(processes, log);
  const listeners = new Listeners();
  const taskChanged = (task: BackgroundTask) => listeners.tell({ type: 'background', task });
  const serviceChanged = (service: ServiceStatus) => listeners.tell({ type: 'service', service });
  const bootId = randomUUID();
  const criu = await findCriu();
  const given = declaredEnvironment(env);
  // What is dumped must not hold the key of its workspace: another one may go on with it.
  const keyless = criu && (await withoutKey(given, wayOutPort, log));
  const declared = keyless?.environment ?? given;
  const launch = {
    home,
    // For commands too: shared memory is to be the same for all.
    declared: criu === undefined ? declared : withRemedies(declared, await preloadsOf(criu)),
    ...(makesImages ? { prefix: withoutRights } : {}),
  };
  const gate = new Gate(criu !== undefined);
  const launcher = criu === undefined ? pipedLauncher : new DirectLauncher(() => gate.closed, log);
  const background = new BackgroundTasks({
    ...launch,
    launcher,
    folder: join(processes, 'background'),
    // What can be dumped runs in a container of its own: nothing of an earlier start is still there to be ended.
    kernel: criu ? bootId : (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim(),
    limits: backgroundLimits,
    log,
    changed: taskChanged,
  });
  await background.load();
  const services = new Supervisor(
    {
      ...launch,
      launcher,
      folder: join(processes, 'services'),
      rotateAt,
      clock: systemClock,
      log,
      changed: serviceChanged,
    },
    sleepGraceMs,
  );
  const terminals = new Terminals({
    ...launch,
    program: terminalHost,
    lines: dirname(socketPath),
    ...(launcher instanceof DirectLauncher ? { prepare: () => launcher.prepare() } : {}),
    limits: terminalLimits,
  });
  const folder = join(processes, 'images');
  const images =
    criu === undefined
      ? { unsupported: whyNoImages }
      : new ProcessImages({
          ...{ criu, folder, services, background, terminals, log },
          withoutKey: keyless !== undefined,
        });
  if (images instanceof ProcessImages && !(await images.present())) await emptyScratch(scratch, log);
  const sleep = new Sleep({
    gate,
    services,
    background,
    terminals,
    images,
    endLeftovers: async (graceMs, keep) => {
      if (ownsProcesses) await endLeftovers(graceMs, keep);
    },
    sync: () => syncFolders([home, processes]),
    graceMs: sleepGraceMs,
    log,
    changed: taskChanged,
  });
  const search = {
    confinement: new Confinement({ home, writable: ['/tmp'], readable: [processes, transcripts, plugins] }),
    program: 'rg',
    env: commandEnvironment(home, launch.declared),
  };
  const exec = { ...launch, outputs: join(processes, 'outputs'), limits: execLimits };
  const routes = routesOf({
    outbound: new Outbound(launch.declared),
    ...{ bootId, gate, exec, background, services, terminals, search, sleep, listeners },
    web: { environment: env },
  });
  const server = createToolsServer(routes, log);
  const memory = new IdleMemory();
  memory.rests();
  server.on('request', () => {
    memory.works();
    memory.rests();
  });
  const end = async (signal: NodeJS.Signals) => {
    log.info('stopping', { signal });
    setTimeout(() => process.exit(0), stopMs).unref();
    server.close();
    await sleep.stopProcesses(endGraceMs);
    server.closeAllConnections();
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      end(signal).catch(fail);
    });
  }

  await listenOn(server, socketPath);
  log.info('ready', { socketPath, bootId, sinceStartMs: Math.round(performance.now()) });
}

/** What runs here must not be able to do what criu is. */
const withoutRights = ['setpriv', '--ambient-caps=-all', '--inh-caps=-all', '--'];

const whyNoImages = makesImages
  ? `the image of the workspace has no ${criuProgram}: make it FROM the workspace image of Dormouse`
  : 'the pod was made without process images; the next one has them where the workspace and its class ask for them';

/** Undefined where this pod cannot make images. */
async function findCriu(): Promise<Criu | undefined> {
  if (!makesImages) return undefined;
  // Beside the socket: gone with the pod, as what criu keeps there of the node's kernel has to be.
  const criu = new Criu(criuProgram, join(dirname(socketPath), 'criu'));
  return (await criu.available()) ? criu : undefined;
}

function preloadsOf({ program }: Criu): Promise<string[]> {
  return preloadsIn(dirname(program), async (path) => (await stat(path).catch(absent)) !== undefined);
}

function fail(error: unknown): void {
  log.error('failed', { error });
  process.exit(1);
}

main().catch(fail);
