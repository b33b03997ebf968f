import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { World } from '../testing/world.ts';

const page = 'https://console.example.com';
const stranger = 'https://evil.example';

let world: World;
beforeEach(async () => {
  world = await World.open({ DORMOUSE_ORIGINS: page });
  world.put('Running');
});
afterEach(() => world[Symbol.asyncDispose]());

const preflight = (path: string, origin = page, method = 'POST') =>
  world.fetch(path, {
    method: 'OPTIONS',
    token: '',
    headers: { origin, 'access-control-request-method': method },
  });
const grants = (answer: Response) =>
  Object.fromEntries([...answer.headers].filter(([name]) => /^(access-control-|vary$)/.test(name)));
const readable = {
  'access-control-allow-origin': page,
  'access-control-expose-headers': '*',
  vary: 'origin',
};

describe('a page of an allowed origin', () => {
  it('learns without a token what a path of the agent takes', async () => {
    const answer = await preflight('agent/terminals');
    expect(answer.status).toBe(204);
    expect(grants(answer)).toEqual({
      ...readable,
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers': 'authorization, content-type, last-event-id, traceparent, tracestate',
      'access-control-max-age': '600',
    });
    expect(world.reviews).toEqual([]);
    expect(world.agent.received).toEqual([]);
  });

  it('may send to a service what it likes', async () => {
    expect(grants(await preflight('ports/web/a', page, 'PATCH'))).toMatchObject({
      'access-control-allow-methods': '*',
      'access-control-allow-headers': 'authorization, *',
    });
  });

  it('is told of a path that does not exist, and may read that', async () => {
    const answer = await preflight('agent/configuration');
    expect(answer.status).toBe(404);
    expect(grants(answer)).toEqual(readable);
  });

  it('may read answers, streams and refusals alike, and none is said to carry credentials', async () => {
    const headers = { origin: page };
    world.agent.onRequest = (request, response) => {
      const type = request.url?.startsWith('/v1/events') ? 'text/event-stream' : 'text/plain';
      response.writeHead(200, { 'content-type': type }).write('id: 1\ndata: {}\n\n');
      if (type === 'text/plain') response.end();
    };
    const leave = new AbortController();
    for (const answer of [
      await world.fetch('agent/state', { headers }),
      await world.fetch('agent/events?after=0', { headers, signal: leave.signal }),
      await world.fetch('agent/state', { headers, token: 'nobody' }),
      await world.fetch('agent/nothing', { headers }),
    ])
      expect(grants(answer), answer.url).toEqual(readable);
    leave.abort();
  });

  it('is let in by the gateway’s word alone, and a service keeps what else its answers depend on', async () => {
    world.agent.onRequest = (_request, response) => {
      response.setHeader('Access-Control-Allow-Origin', '*');
      response.setHeader('Access-Control-Allow-Credentials', 'true');
      response.setHeader('Vary', 'Accept-Encoding');
      response.end();
    };
    const answer = await world.fetch('ports/web/', { headers: { origin: page } });
    expect(grants(answer)).toEqual({ ...readable, vary: 'Accept-Encoding, origin' });
    expect(grants(await world.fetch('ports/web/'))).toEqual({ vary: 'Accept-Encoding' });
  });

  it('still shows a token for whatever is no preflight', async () => {
    const plain = { method: 'OPTIONS', headers: { origin: page } };
    expect((await world.fetch('ports/web/', { ...plain, token: '' })).status).toBe(401);
    expect((await world.fetch('ports/web/', plain)).status).toBe(200);
    expect(world.agent.received).toMatchObject([{ method: 'OPTIONS', url: '/' }]);
  });
});

describe('a page of another origin', () => {
  it('gets no word of it, and the refusal', async () => {
    for (const answer of [
      await preflight('agent/messages', stranger),
      await world.fetch('agent/state', { headers: { origin: stranger } }),
    ]) {
      expect(answer.status).toBe(403);
      expect(grants(answer)).toEqual({});
    }
  });
});
