import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { World } from '../testing/world.ts';
import { DataFrames } from './data-frames.ts';

let world: World;
let asked: IncomingMessage | undefined;
beforeEach(async () => {
  world = await World.open({ DORMOUSE_ATTACH_LEASE: '200ms' });
  asked = undefined;
  world.agent.onUpgrade = (request, socket, head) => {
    asked = request;
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: chat\r\n\r\n`,
    );
    socket.write(head);
    socket.pipe(socket);
    socket.on('error', () => undefined);
  };
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

const protocol = `base64url.bearer.authorization.k8s.io.${Buffer.from('ada-token').toString('base64url')}`;
const opening = (lines: string[]) =>
  [
    'GET /v1/namespaces/team/workspaces/home/ports/web/socket HTTP/1.1',
    ...['Host: gateway', 'Connection: Upgrade', 'Upgrade: websocket'],
    ...['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='],
    ...lines,
    ...['', ''],
  ].join('\r\n');
const bearer = 'Authorization: Bearer ada-token';

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

describe('a WebSocket to a service', () => {
  it('carries bytes in both directions, those sent ahead included', async () => {
    world.put('Running');
    const socket = world.socket(opening([bearer]));
    socket.write(frame(1, 'ahead'));
    expect(await heard(socket, 'ahead')).toMatch(/^HTTP\/1.1 101 /);
    socket.write(frame(1, 'after'));
    await heard(socket, 'after');
    expect(asked?.url).toBe('/socket');
    socket.destroy();
    await vi.waitFor(() => expect(world.audits.at(-1)).toMatchObject({ status: 101, service: 'web' }));
  });

  it('takes the token of a browser from a subprotocol, which the service does not see', async () => {
    world.put('Running');
    const socket = world.socket(opening([`Sec-WebSocket-Protocol: ${protocol}, chat`]));
    await heard(socket, 'chat');
    expect(asked?.headers['sec-websocket-protocol']).toBe('chat');
    expect(asked?.headers).not.toHaveProperty('authorization');
    socket.destroy();
  });

  it('is refused without a token, and from a page of another origin', async () => {
    world.put('Running');
    expect(await world.exchange(opening([]))).toMatch(/^HTTP\/1.1 401 /);
    expect(await world.exchange(opening([bearer, 'Origin: https://evil.example']))).toMatch(
      /^HTTP\/1.1 403 /,
    );
    expect(asked).toBeUndefined();
  });

  it('waits for a workspace that sleeps', async () => {
    world.put('Suspended');
    const socket = world.socket(opening([bearer]));
    await vi.waitFor(() => expect(world.wakes).toBe(1));
    world.put('Running');
    await heard(socket, '101 Switching');
    socket.destroy();
  });

  it('keeps the workspace awake by what is typed, not by being open', async () => {
    world.put('Running');
    const socket = world.socket(opening([bearer]));
    await heard(socket, '101 Switching');
    const opened = world.wakes;
    // Pings for longer than a lease: were they a use, there would be a write.
    const until = Date.now() + 500;
    let sent = 0;
    while (Date.now() < until) {
      socket.write(frame(9, `ping-${sent}`));
      await heard(socket, `ping-${sent++}`);
    }
    expect(world.wakes).toBe(opened);
    socket.write(frame(1, 'typed'));
    await vi.waitFor(() => expect(world.wakes).toBe(opened + 1));
    socket.destroy();
  });

  it('is ended when the service ends it, and when the gateway is stopped', async () => {
    world.put('Running');
    const first = world.socket(opening([bearer]));
    await heard(first, '101 Switching');
    const closed = new Promise((resolve) => first.once('close', resolve));
    first.resume();
    asked?.socket.destroy();
    await closed;
    const second = world.socket(opening([bearer]));
    await heard(second, '101 Switching');
    const ended = new Promise((resolve) => second.once('close', resolve));
    second.resume();
    await world.gateway.drain(5_000);
    await ended;
  });

  it('says what the service answered where it opens none', async () => {
    world.put('Running');
    world.agent.onUpgrade = (_request, socket) =>
      socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n');
    expect(await world.exchange(opening([bearer]))).toContain('The service answered 404');
  });
});

describe('data frames', () => {
  it('are counted wherever the chunks are cut; pings, pongs and closes are not', () => {
    const long = Buffer.concat([Buffer.from([0x82, 0xfe, 0x01, 0x00, 1, 2, 3, 4]), Buffer.alloc(256, 0x81)]);
    const bytes = Buffer.concat([
      frame(9, 'x'),
      frame(1, 'hello'),
      frame(10, ''),
      long,
      frame(8, ''),
      frame(2, ''),
    ]);
    for (let at = 0; at <= bytes.length; at++) {
      const frames = new DataFrames('all');
      expect(frames.push(bytes.subarray(0, at)) + frames.push(bytes.subarray(at))).toBe(3);
    }
  });

  it('are those of binary messages alone where text is no typing; a continuation is what it continues', () => {
    const part = (opcode: number, text: string) => {
      const whole = frame(opcode, text);
      whole.writeUInt8(opcode, 0);
      return whole;
    };
    const typed = (...sent: Buffer[]) => new DataFrames('binary').push(Buffer.concat(sent));
    expect(typed(frame(1, 'resize'))).toBe(0);
    expect(typed(frame(2, 'a'), frame(1, 'resize'), frame(2, 'b'))).toBe(2);
    expect(typed(part(1, 'res'), frame(9, ''), frame(0, 'ize'))).toBe(0);
    expect(typed(part(2, 'a'), frame(9, ''), frame(0, 'b'))).toBe(2);
  });
});
