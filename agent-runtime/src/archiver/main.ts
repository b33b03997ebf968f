import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { pino } from 'pino';
import { z } from 'zod';
import { GatewayToken } from '../agentd/model/gateway-token.ts';
import { agentPort } from '../protocol/agent-api.ts';
import { archiveParts, archiverVariables as variables } from '../protocol/archive.ts';
import { paths } from '../protocol/paths.ts';
import { Archiver } from './archiver.ts';
import { fill } from './fill.ts';
import { Relay } from './relay.ts';
import type { Repository } from './repository.ts';

/**
 * Archives one half of a volume by restic, or fills it from an archive: `state` as the user of the agent, `home` as that of the
 * workspace. It never executes anything of either. What came of it is the message of its end, which the kubelet puts into the
 * status of the pod.
 */
const { env } = process;
const log = pino({ level: env.LOG_LEVEL ?? 'info', base: null, timestamp: pino.stdTimeFunctions.isoTime });
const settings = z
  .object({
    [variables.task]: z.enum(['archive', 'restore']),
    [variables.part]: z.enum(archiveParts),
    [variables.gateway]: z.string().default(''),
    [variables.repository]: z.string().default(''),
    [variables.password]: z.string().default(''),
    [variables.folder]: z.string().default(''),
    [variables.source]: z.string().default(''),
    [variables.quota]: z.coerce.number().default(Number.POSITIVE_INFINITY),
    [variables.snapshot]: z.string().default(''),
    [variables.keep]: z.string().default(''),
    DORMOUSE_SCRATCH: z.string().default('/tmp'),
    DORMOUSE_RESTIC: z.string().default('/app/restic'),
    DORMOUSE_STATE: z.string().default(paths.state),
    DORMOUSE_HOME: z.string().default(paths.home),
    DORMOUSE_GATEWAY_TOKEN_FILE: z.string().default(`${paths.gatewayToken}/token`),
    DORMOUSE_TERMINATION_LOG: z.string().default('/dev/termination-log'),
    DORMOUSE_HOST: z.string().default('0.0.0.0'),
    DORMOUSE_PORT: z.coerce.number().default(agentPort),
  })
  .parse(env);

async function main(): Promise<void> {
  const part = settings[variables.part];
  const token = new GatewayToken(settings.DORMOUSE_GATEWAY_TOKEN_FILE);
  const relay = new Relay({ gateway: settings[variables.gateway], token: () => token.read() });
  const archiver = new Archiver({
    part,
    repository: await repositoryOf(relay),
    folder: part === 'state' ? settings.DORMOUSE_STATE : settings.DORMOUSE_HOME,
    scratch: settings.DORMOUSE_SCRATCH,
    program: settings.DORMOUSE_RESTIC,
  });
  const server = createServer((request, response) => {
    const known = request.method === 'GET' && request.url === '/v1/progress';
    const text = known ? JSON.stringify(archiver.progress) : '';
    response.writeHead(known ? 200 : 404, { 'content-type': 'application/json' }).end(text);
  });
  server.listen(settings.DORMOUSE_PORT, settings.DORMOUSE_HOST);
  await once(server, 'listening');
  let problem: string | undefined;
  try {
    if (settings[variables.task] === 'archive')
      await archiver.archive(settings[variables.keep].split(',').filter((id) => id !== ''));
    else await fill(archiver, part, settings[variables.snapshot], settings.DORMOUSE_STATE);
  } catch (error) {
    problem = (error as Error).message.slice(0, 1_000);
    log.error({ err: error }, 'it cannot be done');
    process.exitCode = 1;
  }
  const came = { ...archiver.progress, ...(problem === undefined ? {} : { problem }) };
  log.info(came, 'done');
  await writeFile(settings.DORMOUSE_TERMINATION_LOG, JSON.stringify(came));
  server.close();
  server.closeAllConnections();
  relay.close();
}

async function repositoryOf(relay: Relay): Promise<Repository> {
  const { [variables.folder]: folder, [variables.source]: source, [variables.quota]: quota } = settings;
  if (folder !== '') return { in: 'volume', folder, quota, ...(source === '' ? {} : { source }) };
  const [name, passwordFile] = [settings[variables.repository], settings[variables.password]];
  return { in: 'bucket', name, passwordFile, relay, url: await relay.listen() };
}

main().catch((error: unknown) => {
  log.fatal({ err: error }, 'failed');
  process.exitCode = 1;
});
