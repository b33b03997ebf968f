import { once } from 'node:events';
import { pino } from 'pino';
import { IdleMemory } from '../idle-memory/idle-memory.ts';
import { agentPort } from '../protocol/agent-api.ts';
import { paths } from '../protocol/paths.ts';
import { Agent } from './agent.ts';
import { createApiServer } from './api/router.ts';
import { routesOf } from './api/routes.ts';
import { ConfigError, readMountedConfig } from './config/files.ts';
import { ForkError } from './fork/begin.ts';
import { GatewayToken } from './model/gateway-token.ts';
import { MessagesModel } from './model/model-client.ts';
import { RewindError } from './rewind/begin.ts';

/** Where things are; each can be moved by a variable, for tests and for running outside a pod. */
const { env } = process;
const secrets = env.DORMOUSE_SECRETS ?? paths.secrets;
const tokenFile = env.DORMOUSE_GATEWAY_TOKEN_FILE ?? `${paths.gatewayToken}/token`;
const stateFolder = env.DORMOUSE_STATE ?? paths.state;
const socketPath = env.DORMOUSE_TOOLS_SOCKET ?? paths.toolsSocket;
const home = env.DORMOUSE_HOME ?? paths.home;
const processes = env.DORMOUSE_PROCESSES ?? paths.processes;
const plugins = env.DORMOUSE_PLUGINS ?? paths.plugins;
const host = env.DORMOUSE_HOST ?? '0.0.0.0';
const port = Number(env.DORMOUSE_PORT ?? agentPort);

/** The longest an end may take; what is on disk is complete at any time, so being cut off costs nothing. */
const stopMs = 900;

const log = pino({ level: env.LOG_LEVEL ?? 'info', base: null, timestamp: pino.stdTimeFunctions.isoTime });

/**
 * A wake waits for this. Bundled, from the start of the process to listening: 180 to 210 ms on 2 busy cores (2026-11), 100 to
 * 120 ms with NODE_COMPILE_CACHE in a folder that survives. The SDK of the model (80 ms) and the metrics library (30 ms) are
 * loaded when first needed. A transcript of 45 MB adds 0.2 to 0.4 s, to read, hash and parse it.
 */
async function main(): Promise<void> {
  const mounted = await readMountedConfig(secrets);
  const agent = await Agent.open({
    mounted,
    stateFolder,
    socketPath,
    home,
    readable: [processes, paths.transcripts, plugins],
    plugins: { folder: plugins, archives: paths.pluginArchives },
    model: (baseUrl) => new MessagesModel(baseUrl, new GatewayToken(tokenFile)),
    gatewayToken: new GatewayToken(tokenFile),
    log,
  });
  const server = createApiServer({
    routes: routesOf(agent),
    key: mounted.key,
    log,
    onAnswer: (...answer) => agent.metrics.request(...answer),
  });
  server.listen(port, host);
  await once(server, 'listening');
  agent.start();
  const memory = new IdleMemory(() => agent.forgetRead());
  memory.rests();
  agent.eventSources.board.subscribe(({ busy }) => (busy ? memory.works() : memory.rests()));
  const { restore } = agent.state();
  log.info({ port: server.address(), sinceStartMs: Math.round(performance.now()), restore }, 'ready');

  const stop = async (signal: NodeJS.Signals) => {
    log.info({ signal }, 'stopping');
    setTimeout(() => process.exit(0), stopMs).unref();
    server.close();
    server.closeIdleConnections();
    await agent.stop();
    server.closeAllConnections();
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      stop(signal).catch(fail);
    });
  }
}

function fail(error: unknown): void {
  if (error instanceof ConfigError) log.fatal({ reason: error.message }, 'configuration cannot be used');
  else if (error instanceof ForkError) log.fatal({ reason: error.message }, 'the fork cannot begin');
  else if (error instanceof RewindError) log.fatal({ reason: error.message }, 'the workspace cannot go back');
  else log.fatal({ err: error }, 'failed');
  process.exit(1);
}

main().catch(fail);
