import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { key, ModelWorld, token as podToken } from '../model-proxy/testing/model-world.ts';
import { Collector } from '../testing/collector.ts';
import { World } from '../testing/world.ts';

let collector: Collector;
let world: World;
beforeEach(async () => {
  collector = await Collector.start();
  world = await World.open({ DORMOUSE_TRACE_ENDPOINT: collector.url });
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
  await collector[Symbol.asyncDispose]();
});

/** The span, when it has come: spans are gathered for a second. */
const traced = (name: string) => vi.waitFor(() => collector.span(name), { timeout: 10_000 });
const told = { 'dormouse.workspace': 'home', 'k8s.namespace.name': 'team' };
const client = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };
const traceparent = (flags: string) => `00-${client.traceId}-${client.spanId}-${flags}`;

describe('a request to a workspace that runs', () => {
  beforeEach(() => world.put('Running'));

  it('is a part of the client’s trace, and the workspace’s work is a part of it', async () => {
    await world.fetch('agent/sessions/main/transcript?after=3', {
      headers: { traceparent: traceparent('01'), tracestate: 'mine=1' },
    });
    const span = await traced('GET /v1/sessions/:id/transcript');
    expect(span).toMatchObject({
      traceId: client.traceId,
      parentSpanId: client.spanId,
      kind: 2,
      failure: undefined,
    });
    expect(span.told).toEqual({
      'http.request.method': 'GET',
      'url.path': '/v1/namespaces/team/workspaces/home/agent/sessions/main/transcript',
      'http.response.status_code': 200,
      ...told,
    });
    expect(collector.childrenOf(span)).toEqual(['identify', 'authorize', 'first byte']);
    const firstByte = collector.span('first byte');
    expect(firstByte.told).toEqual({ 'http.response.status_code': 200 });
    expect(world.agent.received[0]?.headers).toMatchObject({
      traceparent: `00-${client.traceId}-${firstByte.spanId}-01`,
      tracestate: 'mine=1',
    });
    expect(collector.batches[0]?.path).toBe('/v1/traces');
  });

  it('is not traced where the client says so, and the workspace is told', async () => {
    await world.fetch('agent/state', { headers: { traceparent: traceparent('00') } });
    expect(world.agent.received[0]?.headers.traceparent).toMatch(
      new RegExp(`^00-${client.traceId}-\\w{16}-00$`),
    );
    await world.fetch('agent/sessions');
    await traced('GET /v1/sessions');
    expect(collector.spans.map(({ name }) => name)).not.toContain('GET /v1/state');
  });

  it('has its first byte before the last one', async () => {
    const release = Promise.withResolvers<void>();
    world.agent.onRequest = (_request, response) => {
      response.writeHead(200).write('begun');
      void release.promise.then(() => response.end());
    };
    const answer = await world.fetch('ports/web/a?b=c');
    await traced('first byte');
    expect(collector.spans.map(({ name }) => name)).not.toContain('GET port');
    release.resolve();
    await answer.text();
    expect((await traced('GET port')).told).toMatchObject({ 'http.response.status_code': 200, ...told });
  });

  it('is traced when it opens a WebSocket', async () => {
    world.agent.onUpgrade = (_request, socket) =>
      socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
    await world.exchange(
      [
        'GET /v1/namespaces/team/workspaces/home/ports/web/socket HTTP/1.1',
        ...['Host: gateway', 'Connection: Upgrade', 'Upgrade: websocket', 'Authorization: Bearer ada-token'],
        ...['', ''],
      ].join('\r\n'),
    );
    const span = await traced('GET port');
    expect(span.told).toMatchObject({ 'http.response.status_code': 101, ...told });
    expect(collector.childrenOf(span)).toEqual(['identify', 'authorize', 'first byte']);
  });
});

describe('a request to a workspace that sleeps', () => {
  it('shows what it waited for', async () => {
    world.put('Suspended');
    const answer = world.fetch('agent/messages', { method: 'POST', body: '{"text":"between us"}' });
    await vi.waitFor(() => expect(world.wakes).toBe(1));
    const shown = () => world.shown('agentworkspaces', { namespace: 'team', name: 'home' });
    await shown();
    world.put('Starting');
    await shown();
    world.put('Running');
    expect((await answer).status).toBe(200);
    const span = await traced('POST /v1/messages');
    expect(collector.childrenOf(span)).toEqual(['identify', 'authorize', 'wake and hold', 'first byte']);
    const { events, failure } = collector.span('wake and hold');
    expect(failure).toBeUndefined();
    expect(events[0]).toBe('Suspended');
    expect(new Set(events)).toEqual(
      new Set(['Suspended', 'demand written', 'Starting', 'pod created', 'Running']),
    );
  });

  it('shows why it was refused', async () => {
    world.put('Suspended');
    const answer = world.fetch('agent/state');
    await vi.waitFor(() => expect(world.gateway.open).toBe(1));
    world.put('Failed', 'ClassNotResolved', 'There is no class gold.');
    expect((await answer).status).toBe(503);
    const span = await traced('GET /v1/state');
    expect(span).toMatchObject({ failure: 'unavailable', told: { 'http.response.status_code': 503 } });
    expect(collector.span('wake and hold').failure).toBe('unavailable');
  });
});

describe('a request that is refused', () => {
  it('says where and by which code, and nothing of who asked', async () => {
    await world.fetch('agent/state', { token: 'nobody-token' });
    const unknown = await traced('GET /v1/state');
    expect(unknown).toMatchObject({ failure: 'unauthorized', told: { 'error.type': 'unauthorized' } });
    expect(collector.childrenOf(unknown)).toEqual(['identify']);
    await world.fetch('ports/web/', { token: 'eve-token', method: 'POST' });
    const forbidden = await traced('POST port');
    expect(forbidden).toMatchObject({ failure: 'forbidden', told: { 'http.response.status_code': 403 } });
    expect(collector.childrenOf(forbidden)).toEqual(['identify', 'authorize']);
    await fetch(`http://127.0.0.1:${world.port}/nothing?secret=1`);
    expect(await traced('GET')).toMatchObject({ failure: 'unauthorized', told: { 'url.path': '/nothing' } });
  });
});

describe('a call of the model', () => {
  it('is traced with each provider that was asked', async () => {
    await using here = await ModelWorld.open({ DORMOUSE_TRACE_ENDPOINT: collector.url });
    await here.putClass({
      baseUrl: 'http://127.0.0.1:9',
      fallbacks: [{ baseUrl: here.provider.url, secretRef: { name: 'provider', key: 'api-key' } }],
    });
    await here.ask('say: between us');
    const span = await traced('POST /v1/messages');
    expect(span).toMatchObject({ kind: 2, failure: undefined });
    expect(span.told).toMatchObject({ 'http.response.status_code': 200, ...told });
    expect(collector.childrenOf(span)).toEqual(['provider', 'provider']);
    expect(collector.span('provider')).toMatchObject({
      failure: 'UnreachedProviderError',
      told: { 'server.address': '127.0.0.1:9', 'gen_ai.request.model': 'scripted' },
    });
    await here.fetch('/v1/messages', { headers: { authorization: 'Bearer other-token' } });
    await vi.waitFor(
      () => expect(collector.spans.some(({ status }) => status.message === 'unauthorized')).toBe(true),
      {
        timeout: 10_000,
      },
    );
    const all = JSON.stringify(collector.batches);
    for (const secret of [key, podToken, 'other-token', 'between us']) expect(all).not.toContain(secret);
  });
});

describe('what is traced', () => {
  it('holds no token, no key, no header, no query, no body and no user', async () => {
    world.put('Running');
    const secrets = [
      'ada-token',
      'cookie-value',
      'query-value',
      'body-value',
      'header-value',
      'answer-value',
    ];
    world.agent.onRequest = (_request, response) =>
      response.writeHead(200, { 'x-answer': 'answer-value' }).end('answer-value');
    await world.fetch('ports/web/a?key=query-value', {
      method: 'POST',
      body: 'body-value',
      headers: { cookie: 'session=cookie-value', 'x-mine': 'header-value' },
    });
    world.agent.onRequest = undefined;
    await world.fetch('agent/state');
    await traced('POST port');
    await traced('GET /v1/state');
    const agentKey = world.agent.received[0]?.headers.authorization?.replace('Bearer ', '');
    expect(agentKey).toMatch(/^[0-9a-f]{64}$/);
    const all = JSON.stringify(collector.batches);
    for (const secret of [...secrets, agentKey, '"ada"', 'Bearer']) expect(all).not.toContain(secret);
  });
});

describe('a collector', () => {
  const warnings = () => world.lines.filter(({ msg }) => String(msg).startsWith('the collector takes'));

  it('that is down harms no request, and is warned of', async () => {
    await collector[Symbol.asyncDispose]();
    world.put('Running');
    expect((await world.fetch('agent/state')).status).toBe(200);
    await vi.waitFor(
      () =>
        expect(warnings()).toMatchObject([{ level: 'warn', error: expect.stringContaining('ECONNREFUSED') }]),
      { timeout: 10_000 },
    );
  });

  it('that refuses is warned of once, and again when it takes them', async () => {
    collector.onBatch = (response) => response.writeHead(400).end();
    world.put('Running');
    for (let round = 0; round < 2; round += 1) {
      const before = collector.batches.length;
      expect((await world.fetch('agent/state')).status).toBe(200);
      await vi.waitFor(() => expect(collector.batches.length).toBeGreaterThan(before), { timeout: 10_000 });
    }
    await vi.waitFor(() =>
      expect(warnings()).toMatchObject([{ level: 'warn', endpoint: collector.url, error: 'Bad Request' }]),
    );
    collector.onBatch = undefined;
    await world.fetch('agent/sessions');
    await traced('GET /v1/sessions');
    await vi.waitFor(() => expect(warnings()).toHaveLength(2));
  });

  it('that never answers holds up no request, and the end of the process only for a moment', async () => {
    collector.onBatch = () => undefined;
    world.put('Running');
    await world.fetch('agent/state');
    await vi.waitFor(() => expect(collector.batches).toHaveLength(1), { timeout: 10_000 });
    const answers = await Promise.all(Array.from({ length: 200 }, () => world.fetch('agent/state')));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    const since = performance.now();
    await world.tracing.close();
    expect(performance.now() - since).toBeLessThan(6_000);
  });

  it('gets what is left when the process ends', async () => {
    world.put('Running');
    await (await world.fetch('agent/state')).text();
    await vi.waitFor(() => expect(world.gateway.open).toBe(0));
    await world.tracing.close();
    expect(collector.span('GET /v1/state').failure).toBeUndefined();
  });
});
