import { on, once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type McpServerState, mcpServerState, mcpSignIn } from '@dormouse/agent-runtime/protocol';
import { Command } from 'commander';
import { z } from 'zod';
import { Failure } from '../failure.ts';
import { pathAt } from '../gateway/gateway.ts';
import type { Opened } from '../gateway/open.ts';
import { data } from '../output/format.ts';
import { type Column, table } from '../output/table.ts';
import type { Access, Surroundings } from '../surroundings.ts';
import { formatOption, timeoutOption, withExamples } from './command.ts';
import { gatewayOptions, wakeThrough, withGateway } from './gateway-access.ts';

interface Options {
  signIn?: string;
  signOut?: string;
  timeout: number;
  output?: 'json' | 'yaml';
}

export function mcpCommand(around: Surroundings): Command {
  const command = new Command('mcp')
    .description(
      'List the MCP servers of a workspace, or sign in to one that wants it, with a browser on this machine. Wakes the workspace.',
    )
    .argument('<name>', 'the workspace')
    .option('--sign-in <server>', 'sign in to this server for the workspace; it keeps the token')
    .option('--sign-out <server>', 'have the workspace forget the token of this server')
    .addOption(timeoutOption())
    .addOption(formatOption(['json', 'yaml']));
  for (const option of gatewayOptions()) command.addOption(option);
  command.action((name: string, options: Options, self: Command) => {
    const { signIn, signOut, output } = options;
    if (signIn !== undefined && signOut !== undefined)
      throw new Failure('usage', 'one change at a time: --sign-in or --sign-out');
    if ((signIn ?? signOut) !== undefined && output !== undefined)
      throw new Failure('usage', 'a change has no output to format: -o is for the list');
    return withGateway(around, self, async (opened, access) => {
      await wakeThrough(around, opened, access, name, options.timeout);
      if (signIn !== undefined) await signInTo(around, opened, access, name, signIn);
      else if (signOut !== undefined) await signOutOf(around, opened, access, name, signOut);
      else await list(around, opened, access, name, output);
    });
  });
  return withExamples(command, [
    ['dormouse mcp ada', 'which servers there are, and how they are'],
    ['dormouse mcp ada --sign-in issues', 'prints an address to open in a browser on this machine'],
  ]);
}

const servers = z.array(mcpServerState);

async function list(
  around: Surroundings,
  { gateway }: Opened,
  { namespace }: Access,
  name: string,
  output: Options['output'],
): Promise<void> {
  const all = await gateway.json(servers, pathAt({ namespace, name }, 'agent/mcp/servers'), {
    signal: around.signal,
  });
  if (output !== undefined) around.out(data(all, output));
  else if (all.length === 0) around.err(`${name} has no MCP servers\n`);
  else around.out(table(columns, all));
}

const columns: Column<McpServerState>[] = [
  { name: 'SERVER', cell: ({ name }) => name },
  { name: 'STATE', cell: ({ state }) => state },
  { name: 'TOOLS', cell: ({ tools }) => String(tools) },
  { name: 'SIGNED-IN', cell: ({ signedIn }) => (signedIn ? 'yes' : '') },
  { name: 'ADDRESS', cell: ({ address }) => address },
  { name: 'WHY', cell: ({ why }) => why ?? '' },
];

/** The browser comes back to a port of this machine that nobody else is told of; what it brings goes to the workspace. */
async function signInTo(
  around: Surroundings,
  { gateway }: Opened,
  { namespace }: Access,
  name: string,
  server: string,
): Promise<void> {
  const path = pathAt({ namespace, name }, `agent/mcp/servers/${encodeURIComponent(server)}/sign-in`);
  const { signal } = around;
  const listener = createServer();
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  try {
    const redirectUrl = `http://127.0.0.1:${(listener.address() as AddressInfo).port}/callback`;
    const begun = await gateway.json(mcpSignIn, path, { method: 'POST', body: { redirectUrl }, signal });
    if (begun.authorizationUrl === undefined) {
      around.out(`${server} wants nobody to sign in\n`);
      return;
    }
    around.err(`Open this in a browser on this machine:\n\n  ${begun.authorizationUrl}\n\n`);
    const back = await callback(listener, begun.state ?? '', signal);
    await gateway.json(servers, `${path}/complete`, { method: 'POST', body: back, signal });
    around.out(`${name} is signed in to ${server}\n`);
  } finally {
    listener.close();
    listener.closeAllConnections();
  }
}

interface Back {
  code: string;
  state: string;
  issuer?: string;
}

/** What the authorization server sends the browser back with. Anything else that comes to the port is answered and passed over. */
async function callback(
  listener: ReturnType<typeof createServer>,
  state: string,
  signal: AbortSignal,
): Promise<Back> {
  for await (const [request, response] of on(listener, 'request', { signal })) {
    const { pathname, searchParams } = new URL((request as IncomingMessage).url ?? '/', 'http://127.0.0.1');
    const answer = (status: number, text: string) => {
      response
        .writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' })
        .end(`${text}\n`);
    };
    if (pathname !== '/callback' || searchParams.get('state') !== state) {
      answer(404, 'This is for a sign-in that is not this one.');
      continue;
    }
    const code = searchParams.get('code');
    if (code === null) {
      const why = searchParams.get('error_description') ?? searchParams.get('error') ?? 'no code came back';
      answer(400, `The sign-in failed: ${why}`);
      throw new Failure('failed', `the sign-in failed: ${why}`);
    }
    answer(200, 'You are signed in. This page can be closed.');
    const issuer = searchParams.get('iss');
    return { code, state, ...(issuer !== null && { issuer }) };
  }
  throw new Failure('failed', 'nobody came back from the sign-in');
}

async function signOutOf(
  around: Surroundings,
  { gateway }: Opened,
  { namespace }: Access,
  name: string,
  server: string,
): Promise<void> {
  const path = pathAt({ namespace, name }, `agent/mcp/servers/${encodeURIComponent(server)}/sign-in`);
  await gateway.json(servers, path, { method: 'DELETE', signal: around.signal });
  around.out(`${name} has forgotten the token of ${server}\n`);
}
