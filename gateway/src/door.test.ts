import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { World } from './testing/world.ts';

let world: World;
beforeEach(async () => {
  world = await World.open();
  world.put('Running');
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

const route = '/v1/namespaces/team/workspaces/home/agent/state';
const head = (lines: string[], target = route, method = 'GET') =>
  [`${method} ${target} HTTP/1.1`, 'Host: gateway', 'Connection: close', ...lines, '', ''].join('\r\n');
const bearer = 'Authorization: Bearer ada-token';
const statusOf = async (text: string) => Number((await world.exchange(text)).split(' ')[1]);
const nothingWasAsked = () => expect(world.agent.received).toEqual([]);

describe('who comes without a right', () => {
  it('is asked for a token', async () => {
    const answer = await world.fetch('agent/state', { token: '' });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="dormouse"');
    expect(await answer.json()).toMatchObject({ error: { code: 'unauthorized' } });
    expect(world.reviews).toEqual([]);
    nothingWasAsked();
  });

  it('is refused with a token that is expired, foreign or made up', async () => {
    const answer = await world.fetch('agent/state', { token: 'expired' });
    expect(answer.status).toBe(401);
    expect(await answer.text()).toContain('does not accept the token');
    nothingWasAsked();
  });

  it('is not helped by a cookie, a query, loopback or a header that says who it is', async () => {
    for (const lines of [
      ['Cookie: token=ada-token'],
      ['X-Forwarded-User: ada', 'X-Forwarded-For: 127.0.0.1'],
      ['Impersonate-User: ada'],
      ['X-Dormouse-Key: ada-token'],
      ['Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.YWRhLXRva2Vu'],
    ])
      expect(await statusOf(head(lines)), lines[0]).toBe(401);
    expect(await statusOf(head([], `${route}?token=ada-token`))).toBe(401);
    nothingWasAsked();
  });

  it('is told what to ask for, and nothing of whether the workspace exists', async () => {
    const there = await world.fetch('agent/state', { token: 'eve-token' });
    const text = await there.text();
    expect(there.status).toBe(403);
    expect(text).toContain('eve may not attach in AgentWorkspace team/home');
    expect(text).toContain('verb \\"attach\\" on agentworkspaces/attach');
    const elsewhere = await fetch(world.url('agent/state').replace('/home/', '/nowhere/'), {
      headers: { authorization: 'Bearer eve-token' },
    });
    expect(elsewhere.status).toBe(403);
    expect(await elsewhere.text()).toBe(text.replace('team/home', 'team/nowhere'));
    nothingWasAsked();
  });

  it('learns that there is no such workspace where it may know', async () => {
    const answer = await fetch(world.url('agent/state').replace('/home/', '/nowhere/'), {
      headers: { authorization: 'Bearer ada-token' },
    });
    expect(answer.status).toBe(404);
    expect(await answer.text()).toContain('There is no AgentWorkspace team/nowhere.');
  });

  it('needs the right that the route takes', async () => {
    world.rights.clear();
    world.rights.add('ada attach');
    const post = (path: string) =>
      world.fetch(path, { method: 'POST', body: '{}' }).then(({ status }) => status);
    expect((await world.fetch('agent/state')).status).toBe(200);
    expect(await post('agent/messages')).toBe(403);
    expect(await post('agent/approvals/a1')).toBe(403);
    world.rights.add('ada message');
    world.forgetAnswers();
    expect(await post('agent/sessions/main/fork')).toBe(200);
    expect(await post('agent/sessions/main/interrupt')).toBe(403);
    const asked = world.reviews.map(
      ({ spec }) => spec.resourceAttributes as Record<string, string> | undefined,
    );
    expect(asked.at(-1)).toEqual({
      group: 'dormouse.dev',
      version: 'v1alpha1',
      resource: 'agentworkspaces',
      subresource: 'approve',
      verb: 'approve',
      namespace: 'team',
      name: 'home',
    });
  });
});

describe('who may come in', () => {
  it('is asked about once by many requests at the same time, and by those that follow', async () => {
    await Promise.all(Array.from({ length: 50 }, () => world.fetch('agent/state')));
    await world.fetch('agent/state');
    expect(world.reviews.map(({ kind }) => kind)).toEqual(['tokenreviews', 'subjectaccessreviews']);
  });

  it('is not let in by an API server that does not answer, and is told so', async () => {
    world.reviewing = false;
    const answer = await world.fetch('agent/state');
    expect(answer.status).toBe(503);
    expect(await answer.text()).toContain('The API server, which says who may do what');
    world.reviewing = true;
    expect((await world.fetch('agent/state')).status).toBe(200);
  });

  it('is no longer, some seconds after the token or the right was taken away', async () => {
    expect((await world.fetch('agent/state')).status).toBe(200);
    world.rights.clear();
    world.forgetAnswers();
    expect((await world.fetch('agent/state')).status).toBe(403);
    world.users.clear();
    world.forgetAnswers();
    expect((await world.fetch('agent/state')).status).toBe(401);
  });

  it('leaves a line that says who did what, without a word of what was said', async () => {
    await world.fetch('agent/messages', { method: 'POST', body: '{"text":"my secret plan"}' });
    await vi.waitFor(() => expect(world.audits).toHaveLength(1));
    expect(world.audits[0]).toMatchObject({
      msg: 'message',
      action: 'message',
      user: 'ada',
      groups: 1,
      workspace: 'team/home',
      route: 'POST /v1/messages',
      outcome: 'answered',
      status: 200,
    });
    expect(JSON.stringify(world.lines)).not.toMatch(/secret plan|ada-token/);
  });

  it('cannot reach what the operator alone may ask of an agent', async () => {
    for (const path of [
      'agent/config',
      'agent/checkpoints',
      'agent/checkpoints/1/manifest',
      'agent/',
      'agent',
    ])
      expect((await world.fetch(path)).status, path).toBe(404);
    expect((await world.fetch('agent/messages')).status).toBe(405);
    expect((await world.fetch('agent/state', { method: 'POST', body: '' })).headers.get('allow')).toBe('GET');
    nothingWasAsked();
  });
});

describe('a page of another origin', () => {
  it('is refused, also with a valid token', async () => {
    for (const origin of ['https://evil.example', 'null', 'http://gateway.evil.example', 'http://gateway:81'])
      expect(await statusOf(head([bearer, `Origin: ${origin}`])), origin).toBe(403);
    nothingWasAsked();
  });

  it('may come in where it is the gateway’s own host, or one that was allowed', async () => {
    expect(await statusOf(head([bearer, 'Origin: http://gateway']))).toBe(200);
    await using open = await World.open({ DORMOUSE_ORIGINS: 'https://console.example.com' });
    open.put('Running');
    const text = await open.exchange(head([bearer, 'Origin: https://console.example.com']));
    expect(text).toMatch(/^HTTP\/1.1 200/);
  });
});

describe('tricks', () => {
  it('with paths lead nowhere', async () => {
    const base = '/v1/namespaces/team/workspaces/home';
    for (const target of [
      `${base}/agent/../../../x`,
      `${base}/agent/%2e%2e/config`,
      `${base}/agent/.%2E/config`,
      `${base}/agent/messages/..%2fconfig`,
      `${base}/agent/messages/..%5cconfig`,
      `${base}/agent/state%00`,
      `${base}/agent/state%0d%0aX:1`,
      `${base}\\agent\\state`,
      `${base}/agent/state#x`,
      `${base}/agent/%`,
      `http://169.254.169.254${base}/agent/state`,
      `//169.254.169.254${base}/agent/state`,
      '*',
    ])
      expect([400, 404], target).toContain(await statusOf(head([bearer], target)));
    for (const target of [
      `/${base}/agent/state`,
      `${base}//agent/state`,
      `${base}/agent//state`,
      `${base}/AGENT/state`,
    ])
      expect(await statusOf(head([bearer], target)), target).toBe(404);
    nothingWasAsked();
  });

  it('with two credentials, two lengths or two framings are refused', async () => {
    expect(await statusOf(head([bearer, 'Authorization: Bearer eve-token']))).toBe(400);
    const post = (lines: string[]) => head([bearer, ...lines], route.replace('state', 'messages'), 'POST');
    expect(await statusOf(`${post(['Content-Length: 4', 'Transfer-Encoding: chunked'])}0\r\n\r\n`)).toBe(400);
    expect(await statusOf(`${post(['Content-Length: 4', 'Content-Length: 5'])}abcde`)).toBe(400);
    for (const coding of ['chunked, identity', 'gzip, chunked', 'xchunked'])
      expect(await statusOf(`${post([`Transfer-Encoding: ${coding}`])}0\r\n\r\n`), coding).toBe(400);
    nothingWasAsked();
  });

  it('with Connection take no header away that says how long a body is', async () => {
    const text = head([bearer, 'Content-Length: 2'], route.replace('state', 'messages'), 'POST');
    expect(await statusOf(`${text.replace('close', 'close, content-length, authorization')}{}`)).toBe(200);
    expect(world.agent.received[0]?.body).toBe('{}');
    expect(world.agent.received[0]?.headers.authorization).toMatch(/^Bearer [0-9a-f]{64}$/);
  });

  it('do not open a tunnel: CONNECT and other upgrades go nowhere', async () => {
    expect(await world.exchange('CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: x\r\n\r\n')).toBe('');
    const upgrade = (protocol: string, target = route) =>
      head([bearer, `Upgrade: ${protocol}`], target).replace('Connection: close', 'Connection: Upgrade');
    expect(await statusOf(upgrade('h2c', route.replace('agent/state', 'ports/web/')))).toBe(400);
    expect(await statusOf(upgrade('websocket'))).toBe(400);
    nothingWasAsked();
  });
});

describe('limits', () => {
  it('refuse a head that is too long', async () => {
    expect(await statusOf(head([bearer, `X-Long: ${'x'.repeat(20_000)}`]))).toBe(431);
  });

  it('refuse a body that says or turns out to be too large', async () => {
    await using small = await World.open({ DORMOUSE_MAX_BODY: '1000' });
    small.put('Running');
    const post = (body: string | ReadableStream) =>
      small.fetch('agent/messages', { method: 'POST', body, duplex: 'half' } as RequestInit);
    expect((await post('x'.repeat(1_001))).status).toBe(413);
    const chunked = new ReadableStream({
      start(controller) {
        for (let i = 0; i < 11; i++) controller.enqueue(Buffer.alloc(100));
        controller.close();
      },
    });
    expect((await post(chunked)).status).toBe(413);
    expect((await post('x'.repeat(1_000))).status).toBe(200);
    expect(small.agent.received.map(({ body }) => body.length)).toEqual([1_000]);
  });

  it('end a body that stops coming', async () => {
    await using strict = await World.open({ DORMOUSE_IDLE_TIMEOUT: '100ms' });
    strict.put('Running');
    const text = head([bearer, 'Content-Length: 10'], route.replace('state', 'messages'), 'POST');
    expect(await strict.exchange(`${text}{}`)).toMatch(/^HTTP\/1.1 408/);
  });

  it('end an answer that does not come, and one that does not end', async () => {
    await using strict = await World.open({
      DORMOUSE_IDLE_TIMEOUT: '100ms',
      DORMOUSE_TOTAL_TIMEOUT: '300ms',
    });
    strict.put('Running');
    strict.agent.onRequest = () => undefined;
    expect((await strict.fetch('agent/state')).status).toBe(504);
    let drip: NodeJS.Timeout | undefined;
    strict.agent.onRequest = (_request, response) => {
      drip = setInterval(() => response.write('.'), 20);
    };
    await expect(strict.fetch('agent/state').then((answer) => answer.text())).rejects.toThrow();
    clearInterval(drip);
  });

  it('bound what one user has open', async () => {
    await using narrow = await World.open({ DORMOUSE_CONNECTIONS_PER_USER: '1' });
    narrow.put('Suspended');
    const first = narrow.fetch('agent/state');
    await vi.waitFor(() => expect(narrow.gateway.open).toBe(1));
    await vi.waitFor(async () => {
      const second = await narrow.fetch('agent/state', { signal: AbortSignal.timeout(300) });
      expect(second.status).toBe(429);
    });
    narrow.put('Running');
    expect((await first).status).toBe(200);
    expect((await narrow.fetch('agent/state')).status).toBe(200);
  });
});
