import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { World } from '../testing/world.ts';

let world: World;
beforeEach(async () => {
  world = await World.open();
  world.put('Running');
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

const path = '/v1/namespaces/team/workspaces/home/ports/web/';
const ask = (method = 'GET', more = '') =>
  `${method} ${path} HTTP/1.1\r\nhost: g\r\nauthorization: Bearer ada-token\r\n${more}connection: close\r\n\r\n`;

describe('a request without a body', () => {
  it('has its headers passed on as they came, in both directions: names, order, repeated ones, bytes above ASCII', async () => {
    world.agent.onRequest = (request, response) => {
      world.agent.received.push({ ...request, rawHeaders: request.rawHeaders } as never);
      response.writeHead(200, ['X-One', '1', 'x-two', 'caf\u00e9', 'X-One', '3', 'Content-Length', '2']);
      response.end('ok');
    };
    const answer = await world.exchange(ask('GET', 'X-Mine: a\r\nx-other: b\r\nX-Mine: c\r\n'));
    const own = world.agent.received[0]?.rawHeaders ?? [];
    const mine = own.flatMap((name, index) =>
      index % 2 === 0 && /^x-(mine|other)$/i.test(name) ? [name, own[index + 1]] : [],
    );
    expect(mine).toEqual(['X-Mine', 'a', 'x-other', 'b', 'X-Mine', 'c']);
    expect(answer).toMatch(/\r\nX-One: 1\r\nx-two: caf.+\r\nX-One: 3\r\nContent-Length: 2\r\n/);
    expect(answer).toMatch(/\r\n\r\nok$/);
  });

  it('uses the connection of the one before', async () => {
    const ports = new Set<number | undefined>();
    world.agent.onRequest = (request, response) => {
      ports.add(request.socket.remotePort);
      response.end('ok');
    };
    for (let count = 0; count < 5; count += 1) await (await world.fetch('ports/web/')).text();
    expect(ports.size).toBe(1);
  });

  it('is answered with a head and no body where it is HEAD', async () => {
    world.agent.onRequest = (_request, response) => response.writeHead(200, { 'content-length': '7' }).end();
    const answer = await world.exchange(ask('HEAD'));
    expect(answer).toMatch(/\r\ncontent-length: 7\r\n/);
    expect(answer).toMatch(/\r\n\r\n$/);
  });

  it('gets the head of its answer before there is a body', async () => {
    const release = Promise.withResolvers<void>();
    world.agent.onRequest = (_request, response) => {
      response.writeHead(200).flushHeaders();
      void release.promise.then(() => response.end('late'));
    };
    const answer = await world.fetch('ports/web/');
    expect(answer.status).toBe(200);
    release.resolve();
    expect(await answer.text()).toBe('late');
  });

  it('is not told of a 103 before the answer', async () => {
    world.agent.onRequest = (_request, response) =>
      response.writeEarlyHints({ link: '</a>; rel=preload' }, () => response.end('whole'));
    expect(await (await world.fetch('ports/web/')).text()).toBe('whole');
  });

  it('ends with a limit of time where the answer stops in the middle', async () => {
    await using brief = await World.open({ DORMOUSE_IDLE_TIMEOUT: '100ms' });
    brief.put('Running');
    brief.agent.onRequest = (_request, response) => void response.writeHead(200).write('half');
    await expect(brief.fetch('ports/web/').then((answer) => answer.text())).rejects.toThrow();
    brief.agent.onRequest = () => undefined;
    expect((await brief.fetch('ports/web/')).status).toBe(504);
    await vi.waitFor(() =>
      expect(brief.audits.map(({ outcome }) => outcome)).toEqual(['gateway_timeout', 'gateway_timeout']),
    );
  });

  it('is not answered with what a workspace says badly', async () => {
    world.agent.onRequest = (request) =>
      void request.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf');
    await expect(world.fetch('ports/web/').then((answer) => answer.text())).rejects.toThrow();
  });
});
