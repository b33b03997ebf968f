import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { World } from '../testing/world.ts';

let world: World;
const clients: Client[] = [];
beforeEach(async () => {
  world = await World.open();
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await world[Symbol.asyncDispose]();
});

async function connect(token = 'ada-token', pin?: '2026-07-28'): Promise<Client> {
  const client = new Client(
    { name: 'test', version: '1' },
    { versionNegotiation: { mode: pin === undefined ? 'legacy' : { pin } } },
  );
  clients.push(client);
  const requestInit = { headers: { authorization: `Bearer ${token}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(world.url('mcp')), { requestInit }));
  return client;
}

const said = async (call: Promise<unknown>) =>
  (await call) as { content: { text: string }[]; isError?: boolean } satisfies object;
const textOf = async (call: Promise<unknown>) => (await said(call)).content[0]?.text;

/** An agent that has one message, which is settled at the third look. */
function answerAs(agent: { looks?: number } = {}) {
  let key = '';
  const received: { method: string; url: string; body: string }[] = [];
  world.agent.onRequest = (request: IncomingMessage, response: ServerResponse) => {
    void (async () => {
      const { method = '', url = '' } = request;
      const body = await text(request);
      received.push({ method, url, body });
      const json = (status: number, value: object) =>
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
      const record = { session: 'default', receivedAt: '2026-11-01T00:00:00Z' };
      if (url === '/v1/messages') {
        ({ key } = JSON.parse(body));
        return json(202, { ...record, key, phase: 'Queued' });
      }
      if (url.startsWith('/v1/messages/')) {
        agent.looks = (agent.looks ?? 2) - 1;
        if (agent.looks > 0) return json(200, { ...record, key, phase: 'Working' });
        return json(200, { ...record, key, phase: 'Completed', reply: { text: 'the reply', entry: 'e' } });
      }
      if (url === '/v1/sessions') return json(200, [{ id: 'main', status: 'idle', queued: 0, entries: 4 }]);
      if (url.startsWith('/v1/files') && url.includes('gone'))
        return json(404, { error: { code: 'not_found', message: 'Gone does not exist.' } });
      return json(200, { path: '/home/agent/a.txt', content: 'one\n', totalLines: 9, truncated: true });
    })();
  };
  return received;
}

describe.each([
  ['2025-11-25', undefined],
  ['2026-07-28', '2026-07-28'],
] as const)('a workspace as an MCP server, in %s', (_revision, pin) => {
  it('is sent a message, waited for, looked at and read by another agent', async () => {
    world.put('Running');
    const received = answerAs();
    const client = await connect('ada-token', pin);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual([
      'send_message',
      'message_status',
      'list_sessions',
      'read_file',
    ]);
    const progress: unknown[] = [];
    const call = { name: 'send_message', arguments: { text: 'hello', session: 'review' } };
    const options = { onprogress: (step: unknown) => progress.push(step) };
    expect(await textOf(client.callTool(call, options))).toBe('the reply');
    expect(progress.length).toBeGreaterThan(0);
    const sent = received.find(({ url }) => url === '/v1/messages');
    expect(JSON.parse(sent?.body ?? '')).toMatchObject({ text: 'hello', session: 'review' });
    expect(await textOf(client.callTool({ name: 'list_sessions' }))).toBe('main: idle, 0 waiting');
    expect(await textOf(client.callTool({ name: 'read_file', arguments: { path: 'a b.txt' } }))).toMatch(
      /^one\n\n\[There is more: the file has 9 lines/,
    );
    expect(received.at(-1)?.url).toBe('/v1/files?path=a+b.txt&offset=0&limit=2000');
    expect(await said(client.callTool({ name: 'read_file', arguments: { path: 'gone' } }))).toMatchObject({
      isError: true,
      content: [{ text: 'Gone does not exist.' }],
    });
  });
});

describe('a caller of the MCP server of a workspace', () => {
  it('needs a token, and the right to look', async () => {
    world.put('Running');
    const post = (token: string) =>
      world.fetch('mcp', {
        method: 'POST',
        token,
        body: '{}',
        headers: { 'content-type': 'application/json' },
      });
    expect((await post('')).status).toBe(401);
    expect((await post('nobodys-token')).status).toBe(401);
    expect((await post('eve-token')).status).toBe(403);
    expect((await world.fetch('mcp', { method: 'GET' })).status).toBe(405);
    expect((await world.fetch('mcp/more', { method: 'POST' })).status).toBe(404);
    expect(world.agent.received).toEqual([]);
  });

  it('has for each tool the rights that the same thing takes elsewhere, and each use is written down', async () => {
    world.put('Running');
    answerAs();
    world.rights.delete('ada message');
    const client = await connect();
    const refused = await said(client.callTool({ name: 'send_message', arguments: { text: 'hello' } }));
    expect(refused).toMatchObject({ isError: true });
    expect(refused.content[0]?.text).toContain('ada may not message in AgentWorkspace team/home');
    expect(await textOf(client.callTool({ name: 'list_sessions' }))).toBe('main: idle, 0 waiting');
    const routes = world.audits.map(({ route, outcome }) => `${route} ${outcome}`);
    expect(routes).toContain('POST /v1/messages forbidden');
    expect(routes).toContain('GET /v1/sessions answered');
    expect(routes).toContain('mcp answered');
  });

  it('wakes a workspace that sleeps, and is held until it runs', async () => {
    world.put('Suspended');
    answerAs();
    const client = await connect();
    const answer = textOf(client.callTool({ name: 'send_message', arguments: { text: 'hello' } }));
    await vi.waitFor(() => expect(world.wakes).toBe(1));
    world.put('Running');
    expect(await answer).toBe('the reply');
  });

  it('that will not wait any longer is told how to ask again', async () => {
    world.put('Running');
    answerAs({ looks: 1_000 });
    const client = await connect();
    const call = { name: 'send_message', arguments: { text: 'x', timeout_seconds: 0, key: 'mine' } };
    expect(await textOf(client.callTool(call))).toBe(
      'No reply yet; the message is Queued. Ask message_status with the key mine.',
    );
    const status = { name: 'message_status', arguments: { key: 'mine' } };
    expect(await textOf(client.callTool(status))).toContain('the message is Working');
  });

  it('that goes away leaves nothing under way', async () => {
    world.put('Running');
    answerAs({ looks: 1_000 });
    const client = await connect();
    const leave = new AbortController();
    const call = { name: 'send_message', arguments: { text: 'x' } };
    const gone = expect(client.callTool(call, { signal: leave.signal })).rejects.toThrow();
    await vi.waitFor(() => expect(world.gateway.open).toBeGreaterThan(0));
    leave.abort();
    await gone;
    await client.close();
    await vi.waitFor(() => expect(world.gateway.open).toBe(0), { timeout: 5_000 });
  });
});
