import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { terminalUpgrade } from '../../protocol/tools-api.ts';
import type { Log } from '../log.ts';
import { ToolFailure } from '../tool-failure.ts';
import { sendFailure, sendJson } from './answer.ts';
import type { Route } from './routes.ts';

/** Serves the routes. Every failure becomes a `toolError`, or a cut connection where the answer had begun. */
export function createToolsServer(routes: readonly Route[], log: Log): Server {
  // The one client keeps its connections, and cannot tell one that we closed for idleness from a lost answer.
  const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    serve(routes, request, response).catch((error: unknown) => fail(error, request, response, log));
  });
  server.on('upgrade', (request, socket, head) => {
    upgrade(routes, request, socket, head).catch((error: unknown) => {
      const response = new ServerResponse(request);
      response.assignSocket(socket as Socket);
      response.shouldKeepAlive = false;
      response.once('finish', () => socket.end());
      fail(error, request, response, log);
    });
  });
  return server;
}

/** Hands the connection over. Rejects where there is nothing that would take it. */
async function upgrade(
  routes: readonly Route[],
  { method, url, headers }: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  if (headers.upgrade?.toLowerCase() !== terminalUpgrade)
    throw new ToolFailure('invalid', `workspaced upgrades to ${terminalUpgrade} and nothing else`);
  const [path = ''] = (url ?? '').split('?', 1);
  for (const route of routes) {
    const id = route.method === method ? match(route.path, path) : undefined;
    if (id === undefined || route.upgrade === undefined) continue;
    socket.on('error', () => socket.destroy());
    const take = await route.upgrade(id);
    // Who asked may have gone while it was waited for.
    if (socket.destroyed) return;
    const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', `Upgrade: ${terminalUpgrade}`];
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    take(socket, head);
    return;
  }
  throw new ToolFailure('not_found', `workspaced has nothing to upgrade at ${path}`);
}

async function serve(
  routes: readonly Route[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [path = '', query = ''] = (request.url ?? '').split('?', 2);
  for (const route of routes) {
    const id = route.method === request.method ? match(route.path, path) : undefined;
    if (id === undefined) continue;
    const answer = await route.handle({ id, query: new URLSearchParams(query), request, response });
    if (answer !== undefined) sendJson(response, 200, answer);
    return;
  }
  throw new ToolFailure('not_found', `workspaced has no ${request.method} ${path}`);
}

/** What stands for `:id` in the path, an empty string where the route has none, `undefined` where it is another. */
function match(pattern: string, path: string): string | undefined {
  const wanted = pattern.split('/');
  const given = path.split('/');
  if (wanted.length !== given.length) return undefined;
  let id = '';
  for (const [index, segment] of wanted.entries()) {
    if (segment === ':id') id = given[index] ?? '';
    else if (segment !== given[index]) return undefined;
  }
  return id;
}

function fail(error: unknown, request: IncomingMessage, response: ServerResponse, log: Log): void {
  const { method, url } = request;
  if (response.headersSent || response.destroyed) {
    if (!response.destroyed) log.error('answer was cut', { method, url, error });
    response.destroy();
    return;
  }
  if (!(error instanceof ToolFailure)) log.error('request failed', { method, url, error });
  sendFailure(response, asFailure(error));
}

function asFailure(error: unknown): ToolFailure {
  if (error instanceof ToolFailure) return error;
  return new ToolFailure('io', `the workspace failed: ${String(error)}`, { cause: error });
}
