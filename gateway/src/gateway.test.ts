import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { World } from './testing/world.ts';

let world: World;
beforeEach(async () => {
  world = await World.open();
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

const message = (body: string, init: RequestInit = {}) =>
  world.fetch('agent/messages', { method: 'POST', body, ...init });
const held = (count: number) => vi.waitFor(() => expect(world.gateway.open).toBe(count));

describe('a workspace that runs', () => {
  beforeEach(() => world.put('Running'));

  it('answers what the agent answers, under the key that the agent knows', async () => {
    const answer = await world.fetch('agent/state');
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ path: '/v1/state' });
    const [got] = world.agent.received;
    expect(got?.headers.authorization).toMatch(/^Bearer [0-9a-f]{64}$/);
    expect(got?.headers.host).toBe('10.1.1.1:7070');
  });

  it('is not heard where it does not take the gateway’s key: a 401 of its own would mislead the client', async () => {
    world.agent.onRequest = (_request, response) => response.writeHead(401).end();
    expect((await world.fetch('agent/state')).status).toBe(502);
    expect((await world.fetch('ports/web/')).status).toBe(401);
  });

  it('gets bodies whole, and queries as they are', async () => {
    const body = JSON.stringify({ key: 'k', text: 'é'.repeat(30_000) });
    expect((await message(body)).status).toBe(200);
    await world.fetch('agent/sessions/main/transcript?after=3&limit=2');
    expect(world.agent.received.map(({ url }) => url)).toEqual([
      '/v1/messages',
      '/v1/sessions/main/transcript?after=3&limit=2',
    ]);
    expect(world.agent.received[0]?.body).toBe(body);
  });

  it('does not get the credentials of the client, nor headers that it could take for the gateway’s', async () => {
    await world.fetch('ports/web/a?b=c', {
      headers: {
        cookie: 'session=1',
        'x-dormouse-key': 'k',
        x_dormouse_key: 'k',
        'x-forwarded-for': '1.2.3.4',
        'x-forwarded-prefix': '/elsewhere',
        'x-mine': 'kept',
      },
    });
    const { headers, url } = world.agent.received[0] ?? {};
    expect(url).toBe('/a?b=c');
    for (const name of ['authorization', 'cookie', 'x-dormouse-key', 'x_dormouse_key', 'x-forwarded-for'])
      expect(headers, name).not.toHaveProperty(name);
    expect(headers).toMatchObject({
      'x-mine': 'kept',
      host: 'localhost:3000',
      'x-forwarded-prefix': '/v1/namespaces/team/workspaces/home/ports/web',
      'x-forwarded-host': `127.0.0.1:${world.port}`,
    });
  });

  it('says which services there are where it has none of that name', async () => {
    const answer = await world.fetch('ports/api/');
    expect(answer.status).toBe(404);
    expect(await answer.text()).toContain('It has: web.');
  });

  it('is told to keep awake by requests, once for many', async () => {
    await Promise.all(Array.from({ length: 20 }, () => world.fetch('agent/state')));
    expect(world.wakes).toBe(1);
  });

  it('has its answers passed on piece by piece, and redirects put under its prefix', async () => {
    world.agent.onRequest = (_request, response) => {
      response.writeHead(302, {
        location: '/login',
        'set-cookie': 'a=b',
        connection: 'x-mine',
        'x-mine': '1',
      });
      response.end();
    };
    const answer = await world.fetch('ports/web/');
    expect(answer.headers.get('location')).toBe('/v1/namespaces/team/workspaces/home/ports/web/login');
    expect(answer.headers.get('set-cookie')).toBeNull();
    expect(answer.headers.get('x-mine')).toBeNull();
  });

  it('is not asked on for a client that is gone', async () => {
    const closed = Promise.withResolvers<void>();
    world.agent.onRequest = (_request, response) => {
      response.writeHead(200).write('begun');
      response.on('close', () => closed.resolve());
    };
    const socket = world.socket(
      'GET /v1/namespaces/team/workspaces/home/ports/web/ HTTP/1.1\r\nhost: g\r\nauthorization: Bearer ada-token\r\n\r\n',
    );
    await new Promise((resolve) => socket.once('data', resolve));
    socket.destroy();
    await closed.promise;
    await vi.waitFor(() => expect(world.audits[0]).toMatchObject({ outcome: 'left', status: 499 }));
  });

  it('sends no faster than the client reads', async () => {
    let sent = 0;
    world.agent.onRequest = (_request, response) => {
      const more = () => {
        do sent += 1;
        while (sent < 256 && response.write(Buffer.alloc(1 << 20)));
      };
      response.on('drain', more);
      more();
    };
    const socket = world.socket(
      'GET /v1/namespaces/team/workspaces/home/ports/web/ HTTP/1.1\r\nhost: g\r\nauthorization: Bearer ada-token\r\n\r\n',
    );
    let last = 0;
    const stalled = () => {
      const before = last;
      last = sent;
      expect(before).toBe(sent);
      expect(sent).toBeGreaterThan(1);
    };
    // Nothing more goes between two looks: what is on its way lies in the buffers of sockets.
    await vi.waitFor(stalled, { interval: 200, timeout: 10_000 });
    expect(sent).toBeLessThan(64);
    socket.destroy();
  });

  it('is asked again where it went away before it answered a GET', async () => {
    let tries = 0;
    world.agent.onRequest = (request, response) => {
      tries += 1;
      if (tries === 1) request.socket.destroy();
      else response.end('second');
    };
    expect(await (await world.fetch('agent/state')).text()).toBe('second');
  });

  it('is not sent a message twice: the client learns that nobody knows', async () => {
    world.agent.onRequest = (request) => void request.once('data', () => request.socket.destroy());
    const answer = await message('{}');
    expect(answer.status).toBe(502);
    expect(await answer.text()).toContain('not known');
  });

  it('breaks off where the workspace broke off, so that half an answer is not taken for a whole', async () => {
    world.agent.onRequest = (_request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.destroy());
    };
    await expect(world.fetch('ports/web/').then((answer) => answer.text())).rejects.toThrow();
  });
});

describe('a workspace that sleeps', () => {
  beforeEach(() => world.put('Suspended'));

  it('is woken once for 200 requests, and every one is answered', async () => {
    const answers = Array.from({ length: 200 }, () => world.fetch('agent/state'));
    await held(200);
    expect(world.agent.received).toHaveLength(0);
    world.put('Running');
    for (const answer of await Promise.all(answers)) expect(answer.status).toBe(200);
    expect(world.wakes).toBe(1);
    expect(world.agent.received).toHaveLength(200);
    expect(await world.metrics.registry.metrics()).toContain(
      'dormouse_gateway_hold_seconds_count{outcome="running"} 200',
    );
  });

  it('gets the body of a held request whole', async () => {
    const body = JSON.stringify({ text: 'x'.repeat(4 << 20) });
    const answer = message(body);
    await held(1);
    world.put('Running');
    expect((await answer).status).toBe(200);
    expect(world.agent.received[0]?.body).toBe(body);
  });

  it('is waited for while it starts and refuses connections', async () => {
    await world.agent.stop();
    const answer = message('{"key":"1"}');
    await held(1);
    world.put('Running');
    await world.agent.start();
    expect((await answer).status).toBe(200);
    expect(world.agent.received[0]?.body).toBe('{"key":"1"}');
  });

  it('lets a client leave that does not want to wait', async () => {
    const leaving = new AbortController();
    const answer = world.fetch('agent/state', { signal: leaving.signal });
    await held(1);
    leaving.abort();
    await expect(answer).rejects.toThrow();
    await held(0);
    expect(world.audits).toMatchObject([{ outcome: 'left', workspace: 'team/home', user: 'ada' }]);
  });

  it('shows a browser a page that goes on when it runs', async () => {
    const navigate = () => world.fetch('ports/web/', { headers: { accept: 'text/html,*/*' } });
    const page = await navigate();
    expect(page.status).toBe(503);
    expect(page.headers.get('x-dormouse-waking')).toBe('1');
    expect(page.headers.get('retry-after')).toBe('1');
    expect(await page.text()).toContain('home wakes up');
    await vi.waitFor(() => expect(world.wakes).toBe(1));
    world.put('Running');
    await vi.waitFor(async () => expect((await navigate()).headers.has('x-dormouse-waking')).toBe(false));
  });

  it('is answered for at once where it cannot run, with its own reason', async () => {
    const waiting = world.fetch('agent/state');
    await held(1);
    world.put('Failed', 'ClassNotResolved', 'There is no class gold: create it.');
    for (const answer of [await waiting, await world.fetch('agent/state')]) {
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).toBe('10');
      expect(await answer.text()).toContain('ClassNotResolved: There is no class gold: create it.');
    }
  });

  it('is not waited for where spec.runPolicy says that nothing wakes it', async () => {
    world.put('Suspended', 'Suspended', 'asleep', { runPolicy: 'Suspended' });
    const answer = await vi.waitFor(async () => {
      const last = await world.fetch('agent/state', { signal: AbortSignal.timeout(500) });
      expect(last.status).toBe(503);
      return last;
    });
    expect(await answer.text()).toContain('Set it to Auto');
  });

  it('is gone for those who wait when somebody deletes it', async () => {
    const waiting = world.fetch('agent/state');
    await held(1);
    world.api.objects.delete('apis/dormouse.dev/v1alpha1/agentworkspaces', 'team/home');
    expect((await waiting).status).toBe(404);
  });
});

describe('limits of waiting', () => {
  it('end a wait with the workspace’s own reason and a time to come back', async () => {
    await using impatient = await World.open({ DORMOUSE_HOLD_TIMEOUT: '100ms' });
    impatient.put('Starting', 'PodNotRunning', 'no node has room');
    await vi.waitFor(async () => {
      const answer = await impatient.fetch('agent/state');
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).toBe('5');
      expect(((await answer.json()) as { error: object }).error).toEqual({
        code: 'unavailable',
        message: 'AgentWorkspace team/home does not answer now. PodNotRunning: no node has room',
      });
    });
  });

  it('bound how many wait for one workspace', async () => {
    await using narrow = await World.open({ DORMOUSE_HELD_PER_WORKSPACE: '2' });
    narrow.put('Suspended');
    const first = [narrow.fetch('agent/state'), narrow.fetch('agent/state')];
    await vi.waitFor(async () =>
      expect(await narrow.metrics.registry.metrics()).toContain('dormouse_gateway_held_requests 2'),
    );
    expect((await narrow.fetch('agent/state')).status).toBe(503);
    narrow.put('Running');
    for (const answer of await Promise.all(first)) expect(answer.status).toBe(200);
  });
});

describe('a gateway that is stopped', () => {
  it('answers what it has, ends streams, and takes nothing new', async () => {
    world.put('Running');
    const release = Promise.withResolvers<void>();
    world.agent.onRequest = (request, response) => {
      if (request.url?.startsWith('/v1/events')) {
        response
          .writeHead(200, { 'content-type': 'text/event-stream' })
          .write('id: 1\nevent: x\ndata: {}\n\n');
      } else void release.promise.then(() => response.end('late'));
    };
    const stream = await world.fetch('agent/events?after=0');
    const slow = world.fetch('agent/state');
    await held(2);
    const drained = world.gateway.drain(5_000);
    expect(await stream.text()).toBe('id: 1\nevent: x\ndata: {}\n\n');
    expect(world.gateway.draining).toBe(true);
    await expect(fetch(`http://127.0.0.1:${world.port}/`)).rejects.toThrow();
    release.resolve();
    expect(await (await slow).text()).toBe('late');
    await drained;
  });

  it('tells those it cannot wait for to come back', async () => {
    world.put('Suspended');
    const waiting = world.fetch('agent/state');
    await held(1);
    await world.gateway.drain(10);
    const answer = await waiting;
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('1');
  });
});
