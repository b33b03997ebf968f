import { randomUUID } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
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
import { jsonLog } from './log.ts';
import { commandEnvironment, declaredEnvironment } from './process/environment.ts';
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
/** hack/build.ts puts it beside this program. */
const terminalHost = env.DORMOUSE_TERMINAL_HOST ?? join(import.meta.dirname, 'terminal-host');
/** Says that every process of this user that can be seen is the workspace's, and may be ended with it. */
const ownsProcesses = env.DORMOUSE_OWNS_PID_NAMESPACE === '1';

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
  const listeners = new Listeners();
  const taskChanged = (task: BackgroundTask) => listeners.tell({ type: 'background', task });
  const serviceChanged = (service: ServiceStatus) => listeners.tell({ type: 'service', service });
  const launch = { home, declared: declaredEnvironment(env) };
  const gate = new Gate();
  const background = new BackgroundTasks({
    ...launch,
    folder: join(processes, 'background'),
    kernel: (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim(),
    limits: backgroundLimits,
    log,
    changed: taskChanged,
  });
  await background.load();
  const services = new Supervisor(
    {
      ...launch,
      folder: join(processes, 'services'),
      rotateAt,
      clock: systemClock,
      log,
      changed: serviceChanged,
    },
    sleepGraceMs,
  );
  const terminals = new Terminals({ ...launch, program: terminalHost, limits: terminalLimits });
  const sleep = new Sleep({
    gate,
    services,
    background,
    terminals,
    endLeftovers: async (graceMs) => {
      if (ownsProcesses) await endLeftovers(graceMs);
    },
    sync: () => syncFolders([home, processes]),
    graceMs: sleepGraceMs,
    log,
    changed: taskChanged,
  });
  const search = {
    confinement: new Confinement({ home, writable: ['/tmp'], readable: [processes, transcripts] }),
    program: 'rg',
    env: commandEnvironment(home, launch.declared),
  };
  const exec = { ...launch, outputs: join(processes, 'outputs'), limits: execLimits };
  const bootId = randomUUID();
  const routes = routesOf({
    ...{ bootId, gate, exec, background, services, terminals, search, sleep, listeners },
  });
  const server = createToolsServer(routes, log);
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

function fail(error: unknown): void {
  log.error('failed', { error });
  process.exit(1);
}

main().catch(fail);
