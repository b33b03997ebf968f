import { type AgentWorkspace, type AgentWorkspaceClass, sentToAnnotation } from '@dormouse/crds';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ModelWorld } from '../model-proxy/testing/model-world.ts';

const own = 'apis/dormouse.dev/v1alpha1';
const url = 'http://mcp.example.com:8000/mcp?tenant=a';
const headers = [
  { name: 'x-tenant', value: 'b' },
  { name: 'Host', value: 'other.example' },
];
const headersFrom = [{ name: 'Authorization', secretKeyRef: { name: 'tickets', key: 'header' } }];
let here: ModelWorld;

beforeEach(async () => {
  here = await ModelWorld.open();
  here.world.names.set('mcp.example.com', ['93.184.216.34']);
  putSecret({ [sentToAnnotation]: 'https://other.example, http://mcp.example.com:8000' });
  await putServers([{ name: 'tickets', url, headersFrom, headers }]);
  await allow([{ host: 'mcp.example.com', ports: [8000] }]);
});
afterEach(() => here[Symbol.asyncDispose]());

async function putServers(mcpServers: AgentWorkspace['spec']['mcpServers']): Promise<void> {
  const { objects } = here.world.api;
  const home = objects.get(`${own}/agentworkspaces`, 'team/home') as unknown as AgentWorkspace;
  const changed = { ...home, spec: { ...home.spec, mcpServers } };
  objects.put(`${own}/agentworkspaces`, 'team/home', changed as never);
  await here.world.shown('agentworkspaces', { namespace: 'team', name: 'home' });
}

async function allow(egress: AgentWorkspaceClass['spec']['egress']['allow']): Promise<void> {
  const { objects } = here.world.api;
  const standard = objects.get(`${own}/agentworkspaceclasses`, 'standard') as unknown as AgentWorkspaceClass;
  const spec = { ...standard.spec, egress: { allow: egress } };
  objects.put(`${own}/agentworkspaceclasses`, 'standard', { ...standard, spec } as never);
  await here.world.shown('agentworkspaceclasses', { name: 'standard' });
}

function putSecret(annotations: Record<string, string>, value = 'Bearer the-key'): void {
  here.world.api.objects.put('api/v1/secrets', 'team/tickets', {
    metadata: { namespace: 'team', name: 'tickets', annotations },
    data: { header: Buffer.from(value).toString('base64') },
  } as never);
}

const ask = (init: RequestInit = {}, name = 'tickets') =>
  here.fetch(`/v1/mcp/${name}`, { body: '{"jsonrpc":"2.0"}', ...init });
const why = async (answer: Response) => {
  const { error } = (await answer.json()) as { error: { message: string } };
  expect(answer.headers.get('x-dormouse-reason')).not.toBeNull();
  return `${answer.status} ${error.message}`;
};

describe('an MCP server with headers from a Secret', () => {
  it('is asked by the gateway, which adds them; and nothing of the token goes on', async () => {
    const headers = { 'mcp-session-id': 's1', 'x-api-key': 'other', cookie: 'a=b' };
    const answer = await ask({ headers });
    expect(await answer.json()).toEqual({ path: '/mcp?tenant=a' });
    const [received] = here.world.outside.received;
    expect(received).toMatchObject({ method: 'POST', url: '/mcp?tenant=a', body: '{"jsonrpc":"2.0"}' });
    expect(received?.headers).toMatchObject({
      host: 'mcp.example.com:8000',
      authorization: 'Bearer the-key',
      'x-tenant': 'b',
      'mcp-session-id': 's1',
    });
    expect(Object.keys(received?.headers ?? {})).not.toContain('cookie');
    expect(JSON.stringify(received)).not.toContain('home-token');
    expect(here.world.dialed).toEqual(['93.184.216.34:8000']);
    expect(here.world.audits.at(-1)).toMatchObject({
      action: 'mcp',
      workspace: 'team/home',
      server: 'tickets',
    });
    expect(JSON.stringify(here.world.lines)).not.toContain('the-key');
  });

  it('answers with streams, and a redirect is not followed', async () => {
    here.world.outside.onRequest = (request, response) => {
      if (request.method === 'GET') {
        response.writeHead(200, { 'content-type': 'text/event-stream', 'mcp-session-id': 's2' });
        response.end('data: 1\n\n');
      } else response.writeHead(307, { location: 'http://evil.example/' }).end();
    };
    const stream = await ask({ method: 'GET', body: null });
    expect(stream.headers.get('mcp-session-id')).toBe('s2');
    expect(await stream.text()).toBe('data: 1\n\n');
    const redirected = await ask({ redirect: 'manual' });
    expect(redirected.status).toBe(307);
    expect(here.world.dialed).toHaveLength(2);
  });
});

describe('what is refused', () => {
  it('is a Secret that is not for the server, is not there, or that the gateway may not read', async () => {
    putSecret({ [sentToAnnotation]: 'https://mcp.example.com:8000' });
    expect(await why(await ask())).toMatch(
      /^403 Secret team\/tickets is not for http:\/\/mcp.example.com:8000/,
    );
    expect(here.world.outside.received).toEqual([]);
  });

  it('is a Secret that is not there', async () => {
    here.world.api.objects.delete('api/v1/secrets', 'team/tickets');
    expect(await why(await ask())).toMatch(/^403 There is no Secret team\/tickets/);
  });

  it('is a Secret that the gateway may not read', async () => {
    here.world.api.misbehave({
      matches: ({ collection }) => collection.endsWith('/secrets'),
      times: 1,
      respond: (response) => {
        const status = { kind: 'Status', code: 403, reason: 'Forbidden', message: 'no right' };
        response.writeHead(403, { 'content-type': 'application/json' }).end(JSON.stringify(status));
      },
    });
    expect(await why(await ask())).toMatch(/^403 The gateway may not read Secret team\/tickets: somebody/);
  });

  it('is a value that would break a header', async () => {
    putSecret({ [sentToAnnotation]: 'http://mcp.example.com:8000' }, 'a\r\nx-more: b');
    expect(await why(await ask())).toMatch(/^403 Secret team\/tickets has no header that can be a header/);
  });

  it('is a server that the class does not let the workspace reach, or a private address', async () => {
    here.world.names.set('mcp.example.com', ['10.0.0.1']);
    expect(await why(await ask())).toMatch(/^403 .*private/);
    await allow([]);
    expect(await why(await ask())).toMatch(/^403 AgentWorkspace team\/home may not connect to/);
    expect(here.world.dialed).toEqual([]);
  });

  it('is a server that the spec has not, and who is no workspace', async () => {
    expect(await why(await ask({}, 'other'))).toMatch(/^404 AgentWorkspace home has no MCP server other/);
    expect((await ask({ headers: { authorization: 'Bearer ada-token' } })).status).toBe(401);
    expect((await ask({ headers: { origin: 'https://page' } })).status).toBe(403);
    expect((await ask({ method: 'PUT' })).status).toBe(405);
  });
});
