/**
 * The client of agentd as a program, for `@modelcontextprotocol/conformance`: connects to the server whose URL is its last argument,
 * by way of a real workspaced, calls each of its tools once, and ends. Exit code 1 where it could not connect.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pino } from 'pino';
import { z } from 'zod';
import { mcpServer } from '../../protocol/mcp.ts';
import type { AskPerson } from '../tools/tool.ts';
import { ToolsClient } from '../tools/tools-client.ts';
import { McpConnection } from './connection.ts';
import type { DuringCall } from './during-call.ts';
import { McpSignIns } from './sign-ins.ts';
import { workspaceFetch } from './workspace-fetch.ts';

const url = process.argv.at(-1) ?? '';
const context = z
  .looseObject({ client_id: z.string().optional(), client_secret: z.string().optional() })
  .parse(JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}'));

const base = await mkdtemp(join(tmpdir(), 'mcp-conformance-'));
const home = join(base, 'home');
const socketPath = join(base, 'tools.sock');
await mkdir(home);
const daemon = spawn(process.execPath, [join(import.meta.dirname, '../../workspaced/main.ts')], {
  stdio: ['ignore', 'pipe', 'inherit'],
  env: {
    PATH: process.env.PATH,
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
    DORMOUSE_TOOLS_SOCKET: socketPath,
    DORMOUSE_HOME: home,
    DORMOUSE_PROCESSES: join(base, 'processes'),
  },
});
for await (const line of createInterface({ input: daemon.stdout })) {
  if (JSON.parse(line).msg === 'ready') break;
}
daemon.stdout.resume();

const server = mcpServer.parse({
  name: 'server',
  url,
  ...(context.client_id !== undefined && {
    oauth: { clientId: context.client_id, clientSecret: context.client_secret },
  }),
});
const tools = new ToolsClient(socketPath);
const log = pino({ level: 'silent' });
/** A person who leaves out what may be left out. */
const accepts: AskPerson = async (_summary, questions) => ({
  decision: 'allow',
  answers: questions.map(() => '-'),
});
const during: DuringCall = {
  ask: accepts,
  hooks: { instead: async () => undefined, afterwards: async (_question, answer) => answer },
  askModel: () => Promise.reject(new Error('there is no model')),
  unasked: false,
};
const signIns = await McpSignIns.open(join(base, 'sign-ins.json'));
const gatewayFetch = () => workspaceFetch(tools);
const connection = new McpConnection(server, {
  tools,
  project: home,
  allowed: () => true,
  gatewayFetch,
  signIns,
  log,
});
await connection.open(true);
if (connection.state.kind === 'failed' && connection.state.why.includes('--sign-in'))
  // Its end must be that of the daemon, too.
  await signIn().catch((error: unknown) => console.error(String(error)));
if (connection.state.kind === 'failed') {
  console.error(connection.state.why);
  process.exitCode = 1;
}
for (const { name, inputSchema } of connection.offer.tools) {
  const properties = Object.entries(inputSchema.properties ?? {}) as [string, { type?: string }][];
  const input = properties.map(([key, { type }]) => [
    key,
    type === 'number' || type === 'integer' ? 5 : 'text',
  ]);
  const call = () =>
    connection.call(name, Object.fromEntries(input), {
      ...{ signal: AbortSignal.timeout(20_000), progress: () => undefined, during },
    });
  const result = await call()
    .catch(async (error: unknown) => {
      if (connection.demanded === undefined) throw error;
      // The person who reads that does what it says, once.
      await signIn();
      return call();
    })
    .catch((error: unknown) => String(error));
  console.log(name, JSON.stringify(result));
}
await connection.close();
tools.close();
daemon.kill('SIGTERM');
await once(daemon, 'exit');
await rm(base, { recursive: true, force: true });

/** As a person would: the suite's authorization server sends everybody back at once. */
async function signIn(): Promise<void> {
  const begun = await connection.beginSignIn('http://127.0.0.1:9/callback');
  if (begun === undefined) return;
  const answer = await fetch(begun.authorizationUrl, { redirect: 'manual' });
  const back = new URL(answer.headers.get('location') ?? 'http://127.0.0.1/');
  const code = back.searchParams.get('code') ?? '';
  await connection.completeSignIn(
    code,
    back.searchParams.get('state') ?? '',
    back.searchParams.get('iss') ?? undefined,
  );
}
