import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { egressKey } from '@dormouse/agent-runtime/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { World } from '../testing/world.ts';

let world: World;
beforeEach(async () => {
  world = await World.open();
  world.put('Running');
  world.allow({ host: 'allowed.example', ports: [80, 443] }, { host: 'inside.example', ports: [80, 443] });
  world.names.set('allowed.example', ['8.8.8.8']);
  world.names.set('inside.example', ['10.0.0.1']);
  // The class is in the cache when it decides.
  await vi.waitFor(async () => expect(await tunnelled('allowed.example:443')).toMatch(/^HTTP\/1.1 200/));
  await vi.waitFor(() => expect(world.egress.open).toBe(0));
  world.lines.length = 0;
  world.dialed.length = 0;
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

/** The header of whoever `user` says it is. */
const proof = (user = world.proxy.username, key = world.proxy.password) =>
  `proxy-authorization: Basic ${Buffer.from(`${user}:${key}`).toString('base64')}\r\n`;
const head = (first: string, authorization = proof()) => `${first} HTTP/1.1\r\nhost: x\r\n${authorization}`;

/** Opens a tunnel, sends a request that closes the connection, and answers all that came. */
function tunnelled(to: string, authorization = proof()): Promise<string> {
  const request = 'GET /through HTTP/1.1\r\nhost: allowed.example\r\nconnection: close\r\n\r\n';
  return world.exchange(`${head(`CONNECT ${to}`, authorization)}\r\n${request}`, world.egressPort);
}
const plain = (url: string, more = '', authorization = proof()) =>
  world.exchange(
    `${head(`GET ${url}`, `${authorization}connection: close\r\n${more}`)}\r\n`,
    world.egressPort,
  );
const decisions = () =>
  world.audits.map(({ action, workspace, host, port, outcome }) => ({
    action,
    workspace,
    host,
    port,
    outcome,
  }));
const outcomes = async () =>
  Object.fromEntries(
    (await world.metrics.egress.get()).values.map(({ labels, value }) => [labels.outcome, value]),
  );

describe('a workspace that goes out', () => {
  it('gets a tunnel to what its class allows, and both ends of it are told of', async () => {
    const text = await tunnelled('allowed.example:443');
    expect(text).toMatch(/^HTTP\/1.1 200 Connection established\r\n\r\nHTTP\/1.1 200 OK\r\n/);
    expect(text).toContain('{"path":"/through"}');
    expect(world.dialed).toEqual(['8.8.8.8:443']);
    const about = { action: 'egress', workspace: 'team/home', host: 'allowed.example', port: 443 };
    await vi.waitFor(() =>
      expect(decisions()).toEqual([
        { ...about, outcome: 'allowed' },
        { ...about, outcome: 'ended' },
      ]),
    );
    expect(world.audits.at(-1)?.sent).toBeGreaterThan(50);
    expect(world.audits.at(-1)?.received).toBeGreaterThan(50);
  });

  it('has plain requests passed on without what is the proxy’s, for the host of the URL', async () => {
    const more = 'x-mine: kept\r\nproxy-connection: keep-alive\r\nconnection: x-hop\r\nx-hop: 1\r\n';
    expect(await plain('http://allowed.example/a?b=c', more)).toContain('{"path":"/a?b=c"}');
    const { headers = {}, url } = world.outside.received.at(-1) ?? {};
    expect(url).toBe('/a?b=c');
    expect(headers).toMatchObject({ host: 'allowed.example', 'x-mine': 'kept', via: '1.1 dormouse' });
    for (const name of ['proxy-authorization', 'proxy-connection', 'x-hop'])
      expect(headers, name).not.toHaveProperty(name);
    expect(world.dialed).toEqual(['8.8.8.8:80']);
  });

  it('is served by what a program finds in its environment', async () => {
    const agent = new Agent({ proxyEnv: { HTTP_PROXY: world.proxy.href }, keepAlive: true });
    for (const path of ['/first', '/second']) {
      const [answer] = await once(get(`http://allowed.example${path}`, { agent }), 'response');
      expect(answer.statusCode).toBe(200);
      expect((await answer.toArray()).join('')).toBe(`{"path":"${path}"}`);
    }
    agent.destroy();
  });

  it('has bodies passed on in both framings', async () => {
    const post = (framing: string, body: string) =>
      world.exchange(
        `${head('POST http://allowed.example/', `${proof()}connection: close\r\n${framing}\r\n`)}\r\n${body}`,
        world.egressPort,
      );
    await post('content-length: 5', 'hello');
    await post('transfer-encoding: chunked', '5\r\nhello\r\n0\r\n\r\n');
    expect(await post('transfer-encoding: gzip, chunked', '5\r\nhello\r\n0\r\n\r\n')).toMatch(
      /^HTTP\/1.1 400/,
    );
    expect(world.outside.received.slice(-2).map(({ body }) => body)).toEqual(['hello', 'hello']);
  });

  it('is told what to ask for where its class does not allow it, and so is whoever looks at Events, once', async () => {
    for (let time = 0; time < 3; time += 1) {
      const text = await tunnelled('other.example:8443');
      expect(text).toMatch(
        /^HTTP\/1.1 403 Not allowed by spec\.egress\.allow of the AgentWorkspaceClass\r\n/,
      );
      expect(text).toMatch(
        /proxy-status: dormouse; error=http_request_denied; details="AgentWorkspace team\/home/,
      );
      for (const part of ['other.example:8443', 'AgentWorkspaceClass standard', 'spec.egress.allow'])
        expect(text).toContain(part);
    }
    expect(await plain('http://another.example/')).toMatch(/^HTTP\/1.1 403/);
    expect(world.dialed).toEqual([]);
    const events = () => world.api.objects.list('api/v1/events');
    await vi.waitFor(() => expect(events()).toHaveLength(2));
    expect(events()[0]).toMatchObject({
      reason: 'EgressRefused',
      type: 'Warning',
      involvedObject: { kind: 'AgentWorkspace', namespace: 'team', name: 'home' },
      source: { component: 'dormouse-gateway' },
      message: expect.stringMatching(
        /other\.example:8443.*AgentWorkspaceClass standard.*spec\.egress\.allow/,
      ),
    });
    expect(events()[1]?.message).toContain('another.example');
    expect(decisions()[0]).toMatchObject({ host: 'other.example', port: 8443, outcome: 'not_allowed' });
    expect(await outcomes()).toMatchObject({ not_allowed: 4 });
  });

  it('does not reach addresses inside, by a name that is allowed or without one', async () => {
    world.allow({ host: '*', ports: [80, 443] });
    await vi.waitFor(async () => expect(await plain('http://any.example/')).toMatch(/^HTTP\/1.1 502/));
    for (const to of [
      'inside.example:443',
      '10.0.0.1:443',
      '[::1]:443',
      '0x7f.1:443',
      '[::ffff:127.0.0.1]:443',
    ])
      expect(await tunnelled(to), to).toMatch(/^HTTP\/1.1 403[\s\S]*destination_ip_prohibited/);
    for (const url of [
      'http://inside.example/',
      'http://169.254.169.254/latest/meta-data/',
      'http://2852039166/',
    ])
      expect(await plain(url), url).toMatch(/^HTTP\/1.1 403[\s\S]*destination_ip_prohibited/);
    expect(world.dialed).toEqual([]);
    expect(await outcomes()).toMatchObject({ prohibited_address: 8 });
  });

  it('does not reach another workspace, even where the range of the pods is open and the class names the address', async () => {
    await using open = await World.open({ DORMOUSE_EGRESS_ALLOW_PRIVATE_CIDRS: '10.0.0.0/8' });
    // Its pod has 10.1.1.1.
    open.put('Running');
    open.allow({ host: '*', ports: [443] });
    const tunnel = (to: string) =>
      open.exchange(
        `${head(`CONNECT ${to}`, proof(open.proxy.username, open.proxy.password))}\r\nGET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`,
        open.egressPort,
      );
    await vi.waitFor(async () => expect(await tunnel('10.1.1.2:443')).toMatch(/^HTTP\/1.1 200/));
    await vi.waitFor(async () => expect(await tunnel('10.1.1.1:443')).toMatch(/^HTTP\/1.1 403/));
  });

  it('is not led inside by a redirect: it gets the redirect, and its next request is judged', async () => {
    world.outside.onRequest = (_request, response) =>
      response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data/' }).end();
    expect(await plain('http://allowed.example/')).toMatch(
      /^HTTP\/1.1 302[\s\S]*location: http:\/\/169\.254/,
    );
    expect(world.dialed).toEqual(['8.8.8.8:80']);
    expect(await plain('http://169.254.169.254/latest/meta-data/')).toMatch(/^HTTP\/1.1 403/);
  });

  it('takes up what the platform team changes in the class at once', async () => {
    expect(await tunnelled('new.example:443')).toMatch(/^HTTP\/1.1 403/);
    world.names.set('new.example', ['1.1.1.1']);
    world.allow({ host: 'new.example', ports: [443] });
    await vi.waitFor(async () => expect(await tunnelled('new.example:443')).toMatch(/^HTTP\/1.1 200/));
    expect(await tunnelled('allowed.example:443')).toMatch(/^HTTP\/1.1 403/);
  });
});

describe('who is let out', () => {
  it('is nobody without the key of a workspace', async () => {
    const stolen = egressKey('another master', { namespace: 'team', name: 'home', uid: 'uid-1' });
    for (const [what, authorization] of Object.entries({
      none: '',
      bearer: 'proxy-authorization: Bearer ada-token\r\n',
      'no key': proof('team.home', ''),
      'wrong key': proof('team.home', stolen),
      'key with more': proof('team.home', `${world.proxy.password}0`),
      'another workspace': proof('team.other'),
      'another namespace': proof('other.home'),
      'no workspace': proof('team'),
      'no base64': 'proxy-authorization: Basic %%%\r\n',
      'the wrong header': proof().replace('proxy-', ''),
    })) {
      const text = await tunnelled('allowed.example:443', authorization);
      expect(text, what).toMatch(/^HTTP\/1.1 407[\s\S]*proxy-authenticate: Basic realm="dormouse"/);
    }
    expect(await plain('http://allowed.example/', '', '')).toMatch(/^HTTP\/1.1 407/);
    expect(world.dialed).toEqual([]);
    expect(await outcomes()).toMatchObject({ unauthorized: 11 });
  });

  it('is not the next workspace of a name with the key of the one before', async () => {
    const before = proof();
    world.api.objects.delete('apis/dormouse.dev/v1alpha1/agentworkspaces', 'team/home');
    world.put('Running');
    await vi.waitFor(async () => expect(await tunnelled('allowed.example:443')).toMatch(/^HTTP\/1.1 200/));
    expect(await tunnelled('allowed.example:443', before)).toMatch(/^HTTP\/1.1 407/);
  });

  it('is nobody who asks as a server and not as a proxy is asked', async () => {
    expect(await plain('/healthz')).toMatch(/^HTTP\/1.1 400[\s\S]*This is a proxy/);
    expect(await plain('https://allowed.example/')).toMatch(/^HTTP\/1.1 400/);
    expect(await tunnelled('allowed.example')).toMatch(/^HTTP\/1.1 400/);
  });
});
