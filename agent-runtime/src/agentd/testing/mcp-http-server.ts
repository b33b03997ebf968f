import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import {
  createMcpHandler,
  inputRequired,
  McpServer,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server';
import { z } from 'zod';

type Serve = (request: Request) => Promise<Response>;

/** An MCP server on the network of this machine, made with the SDK. It tells which requests it got. */
export class McpHttpServer {
  readonly seen: { method: string; headers: IncomingMessage['headers'] }[] = [];
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
  }

  /** One request, one answer: 2026-07-28, and nothing older. */
  static async modern(
    extend: (server: McpServer) => void = () => undefined,
  ): Promise<McpHttpServer & { grow: () => void }> {
    let grown = false;
    const made = () => {
      const server = echoServer(grown);
      extend(server);
      return server;
    };
    const handler = createMcpHandler(made, { legacy: 'reject' });
    const server = await McpHttpServer.#start((request) => handler.fetch(request));
    return Object.assign(server, {
      grow: () => {
        grown = true;
        handler.notify.toolsChanged();
      },
    });
  }

  /**
   * Of 2026-07-28, with the tool `book`, which wants to know the seats, then whether it is sure, and where the project is; `parts` has what each part of a
   * call brought. The last one is answered only after `release`, where it is `held`; with `thinking` the model is asked, too, with the first question, and with
   * `named` a person for a name.
   */
  static async asking({
    held = false,
    thinking = false,
    named = false,
    port = 0,
  } = {}): Promise<McpHttpServer & { parts: unknown[]; release: () => void }> {
    const parts: unknown[] = [];
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const text = (said: string) => ({ content: [{ type: 'text' as const, text: said }] });
    const make = () => {
      const server = new McpServer({ name: 'asking', version: '1.0.0' });
      // A schema of the output: what it wants meanwhile is no output.
      const shape = { inputSchema: z.object({ show: z.string().optional() }), outputSchema: z.object({}) };
      server.registerTool('book', shape, async ({ show }, { mcpReq }) => {
        const { inputResponses = {} } = mcpReq;
        const state = mcpReq.requestState() as string | undefined;
        parts.push({ show, state, inputResponses });
        if (state === undefined)
          return inputRequired({
            inputRequests: {
              seats: inputRequired.elicit({
                message: 'How many seats?',
                requestedSchema: { type: 'object', properties: { seats: { type: 'integer' } } },
              }),
              ...(named && {
                name: inputRequired.elicit({
                  message: 'In which name?',
                  requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
                }),
              }),
              ...(thinking && {
                idea: inputRequired.createMessage({
                  messages: [{ role: 'user', content: { type: 'text', text: 'say: an idea' } }],
                  maxTokens: 100,
                }),
              }),
            },
            requestState: 'wants seats',
          });
        if (state === 'wants seats')
          return inputRequired({
            inputRequests: {
              sure: inputRequired.elicit({
                message: 'Are you sure?',
                requestedSchema: { type: 'object', properties: {} },
              }),
              where: inputRequired.listRoots(),
            },
            requestState: `wants to be sure of ${JSON.stringify(inputResponses.seats)}`,
          });
        if (held) await released;
        return { ...text(`${state}: ${JSON.stringify(inputResponses)}`), structuredContent: {} };
      });
      return server;
    };
    const handler = createMcpHandler(make, { legacy: 'reject' });
    const server = await McpHttpServer.#start((request) => handler.fetch(request), port);
    return Object.assign(server, { parts, release });
  }

  /** Sessions, and nothing newer than 2025-11-25. Forgets them when told. */
  static async legacy(): Promise<McpHttpServer & { forget: () => void }> {
    let sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();
    const server = await McpHttpServer.#start(async (request) => {
      const id = request.headers.get('mcp-session-id');
      const known = id === null ? undefined : sessions.get(id);
      if (known !== undefined) return known.handleRequest(request);
      if (id !== null) return Response.json({ error: 'no such session' }, { status: 404 });
      const transport = new WebStandardStreamableHTTPServerTransport({
        sessionIdGenerator: () => crypto.randomUUID(),
        onsessioninitialized: (session) => void sessions.set(session, transport),
      });
      await echoServer(false).connect(transport);
      return transport.handleRequest(request);
    });
    return Object.assign(server, {
      forget: () => {
        sessions = new Map();
      },
    });
  }

  /** The transport before streamable HTTP: a stream of events, and messages beside it. */
  static async sse(): Promise<McpHttpServer> {
    let stream: ServerResponse | undefined;
    return McpHttpServer.#listen(0, async (request, response) => {
      if (request.method === 'GET') {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write('event: endpoint\ndata: /messages\n\n');
        stream = response;
        return;
      }
      const { id, method, params } = JSON.parse(await text(request));
      response.writeHead(202).end();
      const results: Record<string, unknown> = {
        initialize: {
          protocolVersion: '2024-11-05',
          capabilities: { tools: {} },
          serverInfo: { name: 'old', version: '1' },
        },
        'tools/list': { tools: [{ name: 'echo', inputSchema: { type: 'object' } }] },
        'tools/call': { content: [{ type: 'text', text: `old ${params?.arguments?.text}` }] },
      };
      if (id !== undefined)
        stream?.write(
          `event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', id, result: results[method] })}\n\n`,
        );
    });
  }

  /**
   * Lets in whoever shows a token of its authorization server, which is at the same address. `expire` has every token refused from then
   * on, so that it must be renewed; `revoke` also what renews it; `demand` has calls of tools refused without these scopes, of which
   * it otherwise wants `read`. One that is `open` wants a token for calls of tools alone.
   */
  static async guarded({
    open = false,
  } = {}): Promise<
    McpHttpServer & { expire: () => void; revoke: () => void; demand: (scopes: string) => void }
  > {
    const handler = createMcpHandler(() => echoServer(false), { legacy: 'reject' });
    const codes = new Map<string, { challenge: string; scope: string }>();
    let [token, refresh, made] = ['', '', 0];
    let [demanded, granted] = ['', ''];
    const base = (request: Request) => `http://${request.headers.get('host')}`;
    const json = (body: object, status = 200) => Response.json(body, { status });
    const server = await McpHttpServer.#start(async (request) => {
      const { pathname, searchParams } = new URL(request.url);
      const issuer = base(request);
      if (pathname === '/mcp') {
        const challenge = (scope: string) =>
          `Bearer scope="${scope}", resource_metadata="${issuer}/.well-known/oauth-protected-resource/mcp"`;
        const refused = (status: number, how: string) =>
          new Response('{}', { status, headers: { 'www-authenticate': how } });
        if (
          open &&
          !request.headers.has('authorization') &&
          request.headers.get('mcp-method') !== 'tools/call'
        )
          return handler.fetch(request);
        if (token === '' || request.headers.get('authorization') !== `Bearer ${token}`)
          return refused(401, challenge('read'));
        const has = granted.split(' ');
        const lacks = demanded.split(' ').some((scope) => scope !== '' && !has.includes(scope));
        if (lacks && request.headers.get('mcp-method') === 'tools/call')
          return refused(403, `${challenge(demanded)}, error="insufficient_scope"`);
        return handler.fetch(request);
      }
      if (pathname === '/.well-known/oauth-protected-resource/mcp')
        return json({ resource: `${issuer}/mcp`, authorization_servers: [issuer] });
      if (pathname === '/.well-known/oauth-authorization-server')
        return json({
          ...{ issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token` },
          ...{ registration_endpoint: `${issuer}/register`, response_types_supported: ['code'] },
          ...{ code_challenge_methods_supported: ['S256'], token_endpoint_auth_methods_supported: ['none'] },
        });
      if (pathname === '/register')
        return json({ ...((await request.json()) as object), client_id: 'client-1' }, 201);
      if (pathname === '/authorize') {
        const code = `code-${++made}`;
        const scope = searchParams.get('scope') ?? '';
        codes.set(code, { challenge: searchParams.get('code_challenge') ?? '', scope });
        const back = new URL(searchParams.get('redirect_uri') ?? '');
        back.searchParams.set('code', code);
        back.searchParams.set('state', searchParams.get('state') ?? '');
        return new Response(null, { status: 302, headers: { location: back.href } });
      }
      if (pathname !== '/token') return json({}, 404);
      const form = new URLSearchParams(await request.text());
      const code = codes.get(form.get('code') ?? '');
      const verified = createHash('sha256')
        .update(form.get('code_verifier') ?? '')
        .digest('base64url');
      const renews =
        form.get('grant_type') === 'refresh_token' && refresh !== '' && form.get('refresh_token') === refresh;
      if (!renews && code?.challenge !== verified) return json({ error: 'invalid_grant' }, 400);
      granted = code?.scope ?? granted;
      codes.delete(form.get('code') ?? '');
      [token, refresh] = [`token-${++made}`, `refresh-${made}`];
      return json({ access_token: token, refresh_token: refresh, token_type: 'Bearer', expires_in: 3600 });
    });
    return Object.assign(server, {
      expire: () => {
        token = '';
      },
      revoke: () => {
        [token, refresh] = ['', ''];
      },
      demand: (scopes: string) => {
        demanded = scopes;
      },
    });
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  static #start(serve: Serve, port = 0): Promise<McpHttpServer> {
    return McpHttpServer.#listen(port, async (request, response) => {
      const { method = 'GET', url = '/', headers } = request;
      const body = method === 'POST' ? await text(request) : undefined;
      const answer = await serve(
        new Request(new URL(url, 'http://127.0.0.1'), {
          method,
          headers: Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)]),
          ...(body !== undefined && { body }),
        }),
      );
      response.writeHead(answer.status, Object.fromEntries(answer.headers));
      if (answer.body === null) response.end();
      else
        Readable.fromWeb(answer.body as never)
          .on('error', () => response.destroy())
          .pipe(response);
    });
  }

  static async #listen(
    port: number,
    handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
  ): Promise<McpHttpServer> {
    const server = createServer((request, response) => {
      made.seen.push({ method: request.method ?? '', headers: request.headers });
      handle(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    const made = new McpHttpServer(server);
    return made;
  }
}

function echoServer(grown: boolean): McpServer {
  const server = new McpServer({ name: 'http', version: '1.0.0' }, { instructions: 'Over HTTP.' });
  server.registerTool('echo', { inputSchema: z.object({ text: z.string() }) }, ({ text: said }) => ({
    content: [{ type: 'text', text: `http ${said}` }],
  }));
  if (grown)
    server.registerTool('grown', { description: 'Was added.' }, () => ({
      content: [{ type: 'text', text: 'grown' }],
    }));
  return server;
}
