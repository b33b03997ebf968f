import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { McpServer } from '../../protocol/mcp.ts';
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
