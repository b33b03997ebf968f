import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { McpServer, McpServerState } from '../../protocol/mcp.ts';
import { McpHttpServer } from '../testing/mcp-http-server.ts';
import { startRealTools } from '../testing/real-tools.ts';
import { type RunningAgent, TestWorkspace } from '../testing/workspace.ts';

/** Real servers of the SDK, reached by a real workspaced. */
describe('a server on the network', () => {
  let workspace: TestWorkspace;
  let stopTools: () => Promise<void>;
  let server: McpHttpServer | undefined;
  beforeEach(async () => {
    workspace = await TestWorkspace.create();
    stopTools = await startRealTools(workspace, '/nowhere');
  });
  afterEach(async () => {
    await workspace.close();
    await stopTools();
    await server?.close();
  });

  const declare = (more: Partial<McpServer> = {}) => {
    workspace.config.mcp = {
      servers: [
        {
          ...{ name: 'web', url: server?.url ?? '', transport: 'http', args: [], env: {}, headers: {} },
          ...{ alwaysLoad: false, ...more },
        },
      ],
    };
  };
  async function say(agent: RunningAgent, text: string): Promise<string> {
    const key = `m${performance.now()}`;
    await agent.send(key, text);
    return (await agent.settled(key)).reply?.text ?? '';
  }
  /** What a person does about the server. `signIn` answers the scopes that the authorization server was asked for. */
  const person = (agent: RunningAgent) => ({
    listed: async () => ((await agent.call('GET', '/v1/mcp/servers')).body as McpServerState[])[0],
    signIn: async (): Promise<string | null> => {
      const path = '/v1/mcp/servers/web/sign-in';
      const redirectUrl = 'http://127.0.0.1:7/callback';
      const begun = await agent.call('POST', path, { redirectUrl });
      const { authorizationUrl } = begun.body as { authorizationUrl: string };
      const answer = await fetch(authorizationUrl, { redirect: 'manual' });
      const { searchParams } = new URL(answer.headers.get('location') ?? '');
      const back = { code: searchParams.get('code'), state: searchParams.get('state') };
      expect((await agent.call('POST', `${path}/complete`, back)).status).toBe(200);
      return new URL(authorizationUrl).searchParams.get('scope');
    },
  });
  const echo = 'tool mcp__web__echo {"text":"hello"}';

  it('is spoken to in 2026-07-28, without a session, with the headers that are declared and computed', async () => {
    server = await McpHttpServer.modern();
    const helper = 'echo "{\\"X-Server\\":\\"$CLAUDE_CODE_MCP_SERVER_NAME\\"}"; echo noise >&2';
    declare({ headers: { 'X-Static': `\${HOME}`, 'X-Server': 'static' }, headersHelper: helper });
    const agent = await workspace.start();
    expect(await say(agent, echo)).toBe('http hello');
    const headers = server.seen.at(-1)?.headers;
    expect(headers).toMatchObject({ 'x-static': workspace.home, 'x-server': 'web' });
    expect(headers).toMatchObject({ 'mcp-protocol-version': '2026-07-28' });
    expect(headers?.['mcp-session-id']).toBeUndefined();
  });

  it('of 2025-11-25 is spoken to in a session, and in another one when it has forgotten it', async () => {
    const legacy = await McpHttpServer.legacy();
    server = legacy;
    declare();
    const agent = await workspace.start();
    expect(await say(agent, echo)).toBe('http hello');
    expect(server.seen.at(-1)?.headers).toMatchObject({ 'mcp-protocol-version': '2025-11-25' });
    legacy.forget();
    expect(await say(agent, echo)).toBe('http hello');
  });

  it('that only knows the transport of events is reached by that one', async () => {
    server = await McpHttpServer.sse();
    declare({ transport: 'sse' });
    const agent = await workspace.start();
    expect(await say(agent, echo)).toBe('old hello');
  });

  it('that says its tools changed has the new ones with the next request', async () => {
    const modern = await McpHttpServer.modern();
    server = modern;
    declare();
    const agent = await workspace.start();
    await say(agent, echo);
    modern.grow();
    await expect.poll(() => say(agent, 'tool mcp__web__grown {}'), { timeout: 10_000 }).toBe('grown');
  });

  it('that wants somebody to sign in says so, and is used with their token until that is taken back', async () => {
    const guarded = await McpHttpServer.guarded();
    server = guarded;
    declare();
    let agent = await workspace.start();
    const listed = async () => ((await agent.call('GET', '/v1/mcp/servers')).body as McpServerState[])[0];
    const wanted = 'it wants somebody to sign in: dormouse mcp WORKSPACE --sign-in web';
    expect(await listed()).toMatchObject({ state: 'failed', signedIn: false, why: wanted });
    await say(agent, 'say: hi');
    expect(JSON.stringify(await agent.transcript())).toContain(wanted);

    const post = (path: string, body: object) =>
      agent.call('POST', `/v1/mcp/servers/web/sign-in${path}`, body);
    const redirectUrl = 'http://127.0.0.1:7/callback';
    expect((await post('', { redirectUrl: 'https://evil.example.com/callback' })).status).toBe(400);
    const begun = (await post('', { redirectUrl })).body as { authorizationUrl: string; state: string };
    const answer = await fetch(begun.authorizationUrl, { redirect: 'manual' });
    const back = new URL(answer.headers.get('location') ?? '');
    expect(`${back.origin}${back.pathname}`).toBe(redirectUrl);
    const [code, state] = [back.searchParams.get('code') ?? '', back.searchParams.get('state') ?? ''];
    expect((await post('/complete', { code, state: 'guessed' })).status).toBe(409);
    expect(await post('/complete', { code: 'wrong', state })).toMatchObject({ status: 503 });
    expect((await post('/complete', { code, state })).status).toBe(200);
    expect(await listed()).toMatchObject({ state: 'connected', signedIn: true, tools: 1 });
    expect(await say(agent, echo)).toBe('http hello');
    // No second one with the same answer.
    expect((await post('/complete', { code, state })).status).toBe(409);

    // Over a restart, and renewed where the server knows it no longer.
    await agent.stop();
    guarded.expire();
    agent = await workspace.start();
    expect(await say(agent, echo)).toBe('http hello');
    expect((await stat(join(workspace.state, 'mcp-sign-ins.json'))).mode & 0o007).toBe(0);

    guarded.revoke();
    await agent.stop();
    agent = await workspace.start();
    expect(await listed()).toMatchObject({ state: 'failed', signedIn: false, why: wanted });
    expect((await agent.call('DELETE', '/v1/mcp/servers/web/sign-in')).status).toBe(404);
  });

  it('that demands more scopes says which, over a restart too, until somebody has signed in for them', async () => {
    const guarded = await McpHttpServer.guarded();
    server = guarded;
    declare();
    let agent = await workspace.start();
    let { listed, signIn } = person(agent);
    expect(await signIn()).toBe('read');
    expect(await say(agent, echo)).toBe('http hello');

    guarded.demand('write');
    const wanted = 'it wants the scopes write: dormouse mcp WORKSPACE --sign-in web has somebody grant them';
    expect(await say(agent, echo)).toBe(`The tool failed: The server refused: ${wanted}. Nothing was done.`);
    // Demands add up: each may be for another tool.
    guarded.demand('admin');
    await say(agent, echo);
    await agent.stop();
    agent = await workspace.start();
    ({ listed, signIn } = person(agent));
    expect(await listed()).toMatchObject({ state: 'connected', wantedScopes: ['write', 'admin'] });
    expect((await listed())?.why).toContain('it wants the scopes write admin');

    expect(await signIn()).toBe('read write admin');
    expect(await say(agent, echo)).toBe('http hello');
    expect(await listed()).not.toHaveProperty('wantedScopes');
    expect(await listed()).not.toHaveProperty('why');
  });

  it('that wants somebody to sign in for its tools alone says so, and is used with their token', async () => {
    server = await McpHttpServer.guarded({ open: true });
    declare();
    const agent = await workspace.start();
    const { listed, signIn } = person(agent);
    expect(await listed()).toMatchObject({ state: 'connected', signedIn: false });
    const wanted = 'it wants somebody to sign in: dormouse mcp WORKSPACE --sign-in web';
    expect(await say(agent, echo)).toBe(`The tool failed: The server refused: ${wanted}. Nothing was done.`);
    expect(await listed()).toMatchObject({ state: 'connected', why: wanted });
    await signIn();
    expect(await say(agent, echo)).toBe('http hello');
    expect(await listed()).not.toHaveProperty('why');
  });

  it('that is away is told of, and is there when it is back', async () => {
    server = await McpHttpServer.modern();
    const { url } = server;
    await server.close();
    declare({ url });
    const agent = await workspace.start();
    expect(await say(agent, echo)).toContain('No tool named');
    const { text } = await agent.call('GET', '/v1/sessions/main/transcript');
    expect(text).toContain('MCP servers that are not connected');
    expect(text).toContain('cannot be reached');
  });
});
