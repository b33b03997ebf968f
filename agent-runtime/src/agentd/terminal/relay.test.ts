import { createServer } from 'node:http';
import { type AddressInfo, connect, createServer as createSocketServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { WebSocket } from 'ws';
import { encodeBytes, encodeFrame, type Frame, FrameReader } from '../../protocol/frames.ts';
import { terminalFrames } from '../../protocol/tools-api.ts';
import { TerminalClient } from '../testing/terminal-client.ts';
import { type RelayTimes, relay } from './relay.ts';
import { acceptWebSocket } from './web-socket.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A client, the relay, and the end of it that workspaced holds: over real sockets. */
async function joined(times: Partial<RelayTimes> = {}, options: object = {}) {
  const sockets = createSocketServer();
  await new Promise<void>((resolve) => sockets.listen(0, '127.0.0.1', resolve));
  const held = new Promise<Socket>((resolve) => sockets.once('connection', resolve));
  const terminal = connect((sockets.address() as AddressInfo).port, '127.0.0.1');
  const workspaced = await held;
  const accepted = Promise.withResolvers<WebSocket>();
  const server = createServer().on('upgrade', async (request, socket, head) => {
    const client = await acceptWebSocket(request, socket, head);
    accepted.resolve(client);
    relay(client, terminal, { patience: 60_000, ping: 60_000, farewell: 200, ...times });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = new TerminalClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, options);
  workspaced.on('error', () => undefined);
  const frames: Frame[] = [];
  const reader = new FrameReader();
  workspaced.on('data', (chunk) => frames.push(...reader.push(chunk as Buffer)));
  closing.push(
    () => client.socket.terminate(),
    () => workspaced.destroy(),
    () => server.close(),
    () => sockets.close(),
  );
  await client.opened();
  return { client, workspaced, frames, served: await accepted.promise };
}

const { bytes, exit } = terminalFrames;

describe('the relay', () => {
  it('passes bytes as they are, and the size', async () => {
    const { client, workspaced, frames } = await joined();
    client.socket.send(Buffer.from([0xe2, 0x82]));
    client.socket.send(Buffer.from([0xac]));
    client.resize(10, 5);
    await vi.waitFor(() => expect(frames).toHaveLength(3));
    expect(frames.slice(0, 2).map(({ kind, payload }) => [kind, [...payload]])).toEqual([
      [bytes, [0xe2, 0x82]],
      [bytes, [0xac]],
    ]);
    expect(JSON.parse(frames[2]?.payload.toString() ?? '')).toEqual({ type: 'resize', columns: 10, rows: 5 });
    workspaced.write(encodeFrame(bytes, Buffer.from([0xe2])));
    workspaced.write(encodeFrame(bytes, Buffer.from([0x82, 0xac])));
    await client.sees('\u00e2\u0082\u00ac');
  });

  it.each(['no JSON', '{"type":"resize","columns":0,"rows":1}', '{"type":"input","text":"rm"}'])(
    'ends a client that sends text which is no message: %s',
    async (text) => {
      const { client, frames } = await joined();
      client.socket.send(text);
      expect(await client.end()).toMatchObject({ code: 1003 });
      expect(frames).toEqual([]);
    },
  );

  it.each([
    ['a frame that is too long', Buffer.from([0, 0xff, 0, 0, 0])],
    ['an end that is none', encodeFrame(exit, Buffer.from('{"type":"bye"}'))],
    ['nothing more', Buffer.alloc(0)],
  ])('ends with 1011 when the workspace sends %s', async (_, sent) => {
    const { client, workspaced } = await joined();
    workspaced.end(sent);
    expect(await client.end()).toMatchObject({ code: 1011 });
    expect(client.told).toEqual([]);
  });

  it('takes no more of a flood than a client reads, and gives up one that reads nothing', async () => {
    const { client, workspaced } = await joined({ patience: 500 });
    client.socket.pause();
    const flood = encodeBytes(bytes, Buffer.alloc(64 * 1024 * 1024, 'x'));
    workspaced.write(flood);
    let taken = 0;
    await vi.waitFor(() => {
      if (!workspaced.destroyed) taken = flood.length - workspaced.writableLength;
      expect(workspaced.destroyed).toBe(true);
    }, 10_000);
    // What was taken lay in buffers of sockets, and little more.
    expect(taken).toBeLessThan(32 * 1024 * 1024);
    client.socket.resume();
    await client.end();
  });

  it('waits for a client that reads now and then, and loses nothing', async () => {
    const { client, workspaced } = await joined({ patience: 5_000 });
    client.socket.pause();
    workspaced.write(encodeBytes(bytes, Buffer.alloc(16 * 1024 * 1024, 'x')));
    workspaced.write(encodeFrame(exit, Buffer.from('{"type":"exit","code":0}')));
    await vi.waitFor(() => expect(workspaced.writableLength).toBeGreaterThan(0));
    client.socket.resume();
    expect(await client.end()).toMatchObject({ code: 1000 });
    expect(client.shown.length).toBe(16 * 1024 * 1024);
    expect(client.told).toEqual([{ type: 'exit', code: 0 }]);
  });

  it('lets a client that is slow read to the end, also when there is no more to come', async () => {
    const { client, workspaced, served } = await joined();
    client.socket.pause();
    let sent = 0;
    await vi.waitFor(
      () => {
        if (served.bufferedAmount === 0 && workspaced.writableLength === 0) {
          workspaced.write(encodeBytes(bytes, Buffer.alloc(50_000, 'x')));
          sent += 50_000;
        }
        expect(served.bufferedAmount).toBeGreaterThan(0);
      },
      { timeout: 10_000, interval: 1 },
    );
    workspaced.end(encodeFrame(exit, Buffer.from('{"type":"exit","code":0}')));
    await vi.waitFor(() => expect(served.readyState).toBe(served.CLOSING));
    // Time enough: one that is given up is gone.
    const other = await joined();
    other.client.socket.pause();
    other.workspaced.write(encodeFrame(terminalFrames.behind, Buffer.alloc(0)));
    await vi.waitFor(() => expect(other.served.readyState).toBe(served.CLOSED), 5_000);
    client.socket.resume();
    expect(await client.end()).toMatchObject({ code: 1000 });
    expect([client.shown.length, client.told]).toEqual([sent, [{ type: 'exit', code: 0 }]]);
  });

  it('says 1013 to who was let go by the workspace', async () => {
    const { client, workspaced } = await joined();
    workspaced.write(encodeFrame(terminalFrames.behind, Buffer.alloc(0)));
    expect(await client.end()).toMatchObject({ code: 1013 });
  });

  it('ends a client that answers no ping, and not one that does', async () => {
    const quiet = await joined({ ping: 50 }, { autoPong: false });
    const lively = await joined({ ping: 50 });
    expect(await quiet.client.end()).toMatchObject({ code: 1006 });
    await vi.waitFor(() => expect(quiet.workspaced.readableEnded || quiet.workspaced.destroyed).toBe(true));
    expect(lively.client.closed).toBeUndefined();
  });
});
