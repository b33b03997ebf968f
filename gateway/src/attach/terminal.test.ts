import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { agentKey } from '@dormouse/agent-runtime/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { World } from '../testing/world.ts';

let world: World;
let asked: IncomingMessage | undefined;
beforeEach(async () => {
  world = await World.open({ DORMOUSE_ATTACH_LEASE: '200ms' }, { recheck: 50 });
  world.put('Running');
  asked = undefined;
  world.agent.onUpgrade = (request, socket, head) => {
    asked = request;
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
    lines.push(`Sec-WebSocket-Accept: ${accept}`, 'Sec-WebSocket-Protocol: dormouse.terminal.v1');
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    socket.write(head);
    socket.pipe(socket);
    socket.on('error', () => undefined);
  };
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

const bearer = 'Authorization: Bearer ada-token';
const offer = 'Sec-WebSocket-Protocol: dormouse.terminal.v1';
const opening = (lines: string[], path = 'agent/terminals/t1') =>
  [
    `GET /v1/namespaces/team/workspaces/home/${path} HTTP/1.1`,
    ...['Host: gateway', 'Connection: Upgrade', 'Upgrade: websocket'],
    ...['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='],
    ...lines,
    ...['', ''],
  ].join('\r\n');

/** A masked frame, as clients send them. */
const frame = (opcode: number, text: string) =>
  Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);

async function heard(socket: Socket, what: string): Promise<string> {
  let text = '';
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    text += chunk;
    if (text.includes(what)) break;
  }
  return text;
}

async function opened(path?: string): Promise<Socket> {
  const socket = world.socket(opening([bearer, offer], path));
  expect(await heard(socket, '\r\n\r\n')).toMatch(/^HTTP\/1.1 101 /);
  return socket;
}

const closed = (socket: Socket) => new Promise((resolve) => socket.resume().once('close', resolve));

describe('a terminal', () => {
  it('is opened, listed and ended like any request to the agent', async () => {
    const body = '{"columns":80,"rows":24}';
    expect((await world.fetch('agent/terminals', { method: 'POST', body })).status).toBe(200);
    expect((await world.fetch('agent/terminals')).status).toBe(200);
    expect((await world.fetch('agent/terminals/t1', { method: 'DELETE' })).status).toBe(200);
    const received = world.agent.received.map(({ method, url }) => `${method} ${url}`);
    expect(received).toEqual(['POST /v1/terminals', 'GET /v1/terminals', 'DELETE /v1/terminals/t1']);
    expect(world.agent.received[0]?.body).toBe(body);
    expect((await world.fetch('agent/terminals/t1', { method: 'POST' })).status).toBe(405);
    expect((await world.fetch('agent/terminals/t1/x')).status).toBe(404);
  });

  it('is a WebSocket to the agent, which is shown the gateway’s key and no token', async () => {
    const socket = await opened();
    socket.write(frame(2, 'ls'));
    await heard(socket, 'ls');
    expect(asked?.url).toBe('/v1/terminals/t1');
    expect(asked?.headers['sec-websocket-protocol']).toBe('dormouse.terminal.v1');
    const { uid } =
      world.api.objects.get('apis/dormouse.dev/v1alpha1/agentworkspaces', 'team/home')?.metadata ?? {};
    const key = agentKey(Buffer.from('master'), { namespace: 'team', name: 'home', uid: uid ?? '' });
    expect(asked?.headers.authorization).toBe(`Bearer ${key}`);
    socket.destroy();
    await vi.waitFor(() =>
      expect(world.audits.at(-1)).toMatchObject({ status: 101, route: 'GET /v1/terminals/:id' }),
    );
  });

  it('takes the token of a browser from a subprotocol beside its own', async () => {
    const token = `base64url.bearer.authorization.k8s.io.${Buffer.from('ada-token').toString('base64url')}`;
    const socket = world.socket(opening([`Sec-WebSocket-Protocol: ${token}, dormouse.terminal.v1`]));
    expect(await heard(socket, '\r\n\r\n')).toContain('Sec-WebSocket-Protocol: dormouse.terminal.v1');
    expect(asked?.headers['sec-websocket-protocol']).toBe('dormouse.terminal.v1');
    socket.destroy();
  });

  it('wakes its workspace', async () => {
    world.put('Suspended');
    const socket = world.socket(opening([bearer, offer]));
    await vi.waitFor(() => expect(world.wakes).toBe(1));
    world.put('Running');
    await heard(socket, '101 Switching');
    socket.destroy();
  });

  it('keeps the workspace awake by what is typed, not by what it shows or how large it is', async () => {
    const socket = await opened();
    const before = world.wakes;
    // For longer than a lease: were a resize or a redraw a use, there would be a write.
    const until = Date.now() + 500;
    for (let sent = 0; Date.now() < until; sent++) {
      socket.write(frame(1, `resize-${sent}`));
      await heard(socket, `resize-${sent}`);
      asked?.socket.write(Buffer.from([0x82, 1, 0x78]));
    }
    expect(world.wakes).toBe(before);
    socket.write(frame(2, 'typed'));
    await vi.waitFor(() => expect(world.wakes).toBe(before + 1));
    socket.destroy();
  });

  it('that is none: the agent’s own answer goes to the client', async () => {
    const body = '{"error":{"code":"not_found","message":"There is no terminal t1."}}';
    world.agent.onUpgrade = (_request, socket) =>
      socket.end(
        `HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
    const answer = await world.exchange(opening([bearer, offer]));
    expect(answer).toMatch(/^HTTP\/1.1 404 Not Found\r\n/);
    expect(answer).toMatch(/Content-Type: application\/json\r\n/i);
    expect(answer.endsWith(`\r\n\r\n${body}`)).toBe(true);
    await vi.waitFor(() => expect(world.audits.at(-1)).toMatchObject({ outcome: 'answered', status: 404 }));
  });

  it('of an agent with another master key is no matter of the client’s token: 502', async () => {
    world.agent.onUpgrade = (_request, socket) =>
      socket.end('HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n');
    expect(await world.exchange(opening([bearer, offer]))).toMatch(/^HTTP\/1.1 502 /);
  });

  it('is the only WebSocket that the agent has', async () => {
    for (const path of ['agent/state', 'agent/events', 'agent/terminals'])
      expect(await world.exchange(opening([bearer], path)), path).toMatch(/^HTTP\/1.1 400 /);
    expect(asked).toBeUndefined();
  });
});

describe.each(['agent/terminals/t1', 'ports/web/socket'])('an open WebSocket to %s', (path) => {
  it('ends when the right to it is taken away', async () => {
    const socket = await opened(path);
    world.rights.delete('ada attach');
    world.forgetAnswers();
    await closed(socket);
    await vi.waitFor(() => expect(world.audits.at(-1)).toMatchObject({ outcome: 'forbidden', status: 403 }));
  });

  it('ends when the token has expired', async () => {
    const socket = await opened(path);
    world.users.clear();
    world.forgetAnswers();
    await closed(socket);
    await vi.waitFor(() => expect(world.audits.at(-1)).toMatchObject({ outcome: 'unauthorized' }));
  });

  it('outlives an API server that is away for a moment, and not one that stays away', async () => {
    const socket = await opened(path);
    world.reviewing = false;
    world.forgetAnswers();
    const before = world.reviews.length;
    await vi.waitFor(() => expect(world.reviews.length).toBeGreaterThan(before + 1));
    world.reviewing = true;
    await vi.waitFor(() => expect(world.reviews.at(-1)?.kind).toBe('subjectaccessreviews'));
    socket.write(frame(2, 'still here'));
    await heard(socket, 'still here');
    world.reviewing = false;
    world.forgetAnswers();
    await closed(socket);
    await vi.waitFor(() => expect(world.audits.at(-1)).toMatchObject({ outcome: 'unavailable' }));
  });
});

describe.each(['agent/events', 'ports/web/events'])('an open event stream from %s', (path) => {
  it('ends when the right to it is taken away', async () => {
    world.agent.onRequest = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
    };
    const reader = ((await world.fetch(path)).body as ReadableStream<Uint8Array>).getReader();
    world.rights.delete('ada attach');
    world.forgetAnswers();
    await expect(reader.read()).rejects.toThrow();
    await vi.waitFor(() => expect(world.audits.at(-1)).toMatchObject({ outcome: 'forbidden', status: 403 }));
  });
});
