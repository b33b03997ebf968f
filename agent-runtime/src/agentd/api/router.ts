import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import type { z } from 'zod';
import { CheckpointRefused } from '../checkpoint/checkpointer.ts';
import { StorageError } from '../storage/health.ts';
import { keyCheck } from './authenticate.ts';
import { HttpError } from './error.ts';
import type { Route } from './route.ts';

/** The largest body: a message of 64 KiB in JSON escapes, and a configuration with rules and a long system prompt. */
const maxBodyBytes = 1024 * 1024;

interface Compiled {
  route: Route;
  pattern: RegExp;
}

export interface RouterOptions {
  routes: readonly Route[];
  key: string;
  log: Logger;
  /** Told of every answer, with the route's path rather than the request's. */
  onAnswer: (method: string, path: string, status: number, seconds: number) => void;
}

/** An HTTP server over the routes. It does not listen yet. */
export function createApiServer({ routes, key, log, onAnswer }: RouterOptions): Server {
  const compiled = routes.map((route) => ({ route, pattern: patternOf(route.path) }));
  const authenticated = keyCheck(key);
  const server = createServer((request, response) => {
    const started = performance.now();
    let path = 'none';
    response.on('close', () => {
      onAnswer(request.method ?? '', path, response.statusCode, (performance.now() - started) / 1000);
    });
    serve(request, response, compiled, authenticated, (found) => {
      path = found;
    }).catch((error: unknown) => answerError(error, response, log));
  });
  server.on('upgrade', (request, socket, head) => {
    const started = performance.now();
    // Until somebody takes it over nobody listens, and an error without a listener ends the process.
    socket.on('error', () => socket.destroy());
    upgrade(request, socket, head, compiled, authenticated)
      .then(
        (path) => ({ path, status: 101 }),
        (error: unknown) => ({ path: 'none', status: refuseUpgrade(error, request, socket, log) }),
      )
      .then(({ path, status }) =>
        onAnswer(request.method ?? '', path, status, (performance.now() - started) / 1000),
      )
      .catch((error: unknown) => log.error({ err: error }, 'request failed'));
  });
  server.requestTimeout = 30_000;
  server.headersTimeout = 10_000;
  return server;
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  routes: readonly Compiled[],
  authenticated: ReturnType<typeof keyCheck>,
  matched: (path: string) => void,
): Promise<void> {
  const { url, found } = find(request, routes, authenticated, response);
  matched(found.route.path);
  const body = found.route.body === undefined ? undefined : await parseBody(request, found.route.body);
  const params = decodeParams(found.pattern.exec(url.pathname)?.groups ?? {});
  const answer = await found.route.handle({ params, query: url.searchParams, body, request, response });
  if (answer !== undefined) answerJson(response, answer.status, answer.body);
}

/** Resolves with the route's path when the connection was taken over. */
async function upgrade(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  routes: readonly Compiled[],
  authenticated: ReturnType<typeof keyCheck>,
): Promise<string> {
  const { url, found } = find(request, routes, authenticated);
  if (found.route.upgrade === undefined || request.headers.upgrade?.toLowerCase() !== 'websocket')
    throw new HttpError('invalid', `${url.pathname} is no WebSocket.`);
  const params = decodeParams(found.pattern.exec(url.pathname)?.groups ?? {});
  await found.route.upgrade({ params, request, socket, head });
  return found.route.path;
}

/** The route of a request whose caller may know of it. */
function find(
  request: IncomingMessage,
  routes: readonly Compiled[],
  authenticated: ReturnType<typeof keyCheck>,
  response?: ServerResponse,
): { url: URL; found: Compiled } {
  const url = new URL(request.url ?? '/', 'http://agent');
  const here = routes.filter(({ pattern }) => pattern.test(url.pathname));
  const found = here.find(({ route }) => route.method === request.method);
  // Who has no key learns nothing of what there is.
  if (found?.route.open !== true && !authenticated(request.headers)) {
    throw new HttpError(
      'unauthorized',
      'Show the key of the workspace: Authorization: Bearer KEY, or X-Dormouse-Key: KEY.',
    );
  }
  if (found === undefined) {
    if (here.length === 0)
      throw new HttpError('not_found', `There is no ${url.pathname}. See /openapi.json.`);
    const allowed = here.map(({ route }) => route.method).join(', ');
    response?.setHeader('allow', allowed);
    throw new HttpError('invalid', `${url.pathname} takes ${allowed}.`, undefined, 405);
  }
  return { url, found };
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replace(/\./g, '\\.').replace(/:(\w+)/g, '(?<$1>[^/]+)')}$`);
}

function decodeParams(groups: Record<string, string>): Record<string, string> {
  try {
    return Object.fromEntries(
      Object.entries(groups).map(([name, value]) => [name, decodeURIComponent(value)]),
    );
  } catch (error) {
    throw new HttpError('invalid', `The path is not valid: ${(error as Error).message}`);
  }
}

async function parseBody(request: IncomingMessage, schema: z.ZodType): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > maxBodyBytes) {
      throw new HttpError('invalid', `The body is larger than ${maxBodyBytes} bytes.`, undefined, 413);
    }
    chunks.push(chunk as Buffer);
  }
  const parsed = schema.safeParse(parseJson(Buffer.concat(chunks).toString('utf8')));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`);
  throw new HttpError('invalid', problems.join('; '), parsed.error.issues);
}

function parseJson(text: string): unknown {
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new HttpError('invalid', `The body is no JSON: ${(error as Error).message}`);
  }
}

function answerJson(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

function answerError(error: unknown, response: ServerResponse, log: Logger): void {
  const http = asHttpError(error);
  if (http.code === 'internal') log.error({ err: error }, 'request failed');
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  // The rest of a body that was refused is not read.
  if (http.status === 413) response.setHeader('connection', 'close');
  answerJson(response, http.status, http.body());
}

/** Answers on a socket that asked for an upgrade, and closes it. Returns the status. */
function refuseUpgrade(error: unknown, request: IncomingMessage, socket: Duplex, log: Logger): number {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket as Socket);
  response.once('finish', () => socket.end());
  answerError(error, response, log);
  return response.statusCode;
}

function asHttpError(error: unknown): HttpError {
  if (error instanceof HttpError) return error;
  if (error instanceof StorageError) return new HttpError('storage', error.message);
  if (error instanceof CheckpointRefused) return new HttpError(error.code, error.message, error.details);
  return new HttpError('internal', 'The request failed inside the runtime; its log says why.');
}
