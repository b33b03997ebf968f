import { once } from 'node:events';
import type { Socket } from 'node:net';
import { systemClock } from '@dormouse/operator/kube';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { World } from '../testing/world.ts';
import { EgressProxy } from './proxy.ts';
import { EgressRefusal } from './refusal.ts';

let world: World;
beforeEach(async () => {
  world = await World.open({ DORMOUSE_EGRESS_CONNECTIONS_PER_WORKSPACE: '3' });
  world.put('Running');
  world.allow({ host: 'allowed.example', ports: [443] });
  world.names.set('allowed.example', ['8.8.8.8']);
  // The class is in the cache when it decides.
  await vi.waitFor(async () => {
    const { socket, first } = await open();
    socket.destroy();
    expect(first).toContain(' 200 ');
  });
  await vi.waitFor(() => expect(world.egress.open).toBe(0));
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

const connecting = ({ proxyHeader }: World, more = '') =>
  `CONNECT allowed.example:443 HTTP/1.1\r\nhost: x\r\n${proxyHeader}${more}\r\n`;
/** A tunnel, or what was said instead. */
async function open() {
  const socket = world.socket(connecting(world), world.egressPort);
  const [first] = await once(socket, 'data');
  return { socket, first: String(first) };
}
/** Also where the connection was reset. */
const closed = (socket: Socket) => new Promise((resolve) => socket.once('close', resolve));

describe('the bounds of the way out', () => {
  it('are so many connections of one workspace', async () => {
    const tunnels = await Promise.all([open(), open(), open()]);
    expect(tunnels.every(({ first }) => first.includes(' 200 '))).toBe(true);
    const more = await open();
    expect(more.first).toMatch(/^HTTP\/1.1 429[\s\S]*workspace team\/home has 3 connections open/);
    tunnels[0]?.socket.destroy();
    await vi.waitFor(async () => {
      const { socket, first } = await open();
      socket.destroy();
      expect(first).toContain(' 200 ');
    });
    for (const { socket } of [...tunnels, more]) socket.destroy();
    await vi.waitFor(() => expect(world.egress.open).toBe(0));
  });

  it('close one side of a tunnel with the other', async () => {
    const ends = Promise.withResolvers<void>();
    world.outside.onRequest = (request) => request.socket.once('close', () => ends.resolve());
    const { socket } = await open();
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await vi.waitFor(() => expect(world.egress.open).toBe(1));
    socket.destroy();
    await ends.promise;
    await vi.waitFor(() => expect(world.egress.open).toBe(0));
    expect(world.audits.at(-1)).toMatchObject({ outcome: 'ended' });
    const other = await open();
    await world.outside.stop();
    await closed(other.socket);
  });

  it('end a tunnel that nobody uses', async () => {
    await using idle = await World.open({ DORMOUSE_EGRESS_IDLE_TIMEOUT: '50ms' });
    idle.put('Running');
    idle.allow({ host: 'allowed.example', ports: [443] });
    idle.names.set('allowed.example', ['8.8.8.8']);
    const text = connecting(idle);
    await vi.waitFor(async () => {
      expect(await idle.exchange(text, idle.egressPort)).toBe('HTTP/1.1 200 Connection established\r\n\r\n');
    });
    expect(idle.audits.at(-1)).toMatchObject({ outcome: 'timeout' });
  });

  it('send no faster than the workspace reads', async () => {
    let sent = 0;
    world.outside.onRequest = (_request, response) => {
      const more = () => {
        do sent += 1;
        while (sent < 256 && response.write(Buffer.alloc(1 << 20)));
      };
      response.on('drain', more);
      more();
    };
    const { socket } = await open();
    socket.pause();
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await vi.waitFor(() => expect(sent).toBeGreaterThan(0));
    let before = -1;
    // What fits into the buffers of the sockets is sent, and then nothing any more.
    await vi.waitFor(
      () => {
        const now = sent;
        const still = now === before;
        before = now;
        expect(still).toBe(true);
      },
      { interval: 200, timeout: 5_000 },
    );
    expect(sent).toBeLessThan(64);
    socket.destroy();
  });

  it('leave a tunnel its time when the gateway is stopped, and then end it', async () => {
    const { socket } = await open();
    socket.on('data', () => undefined);
    let drained = false;
    const draining = world.egress.drain(100).then(() => {
      drained = true;
    });
    expect(drained).toBe(false);
    await closed(socket);
    await draining;
    expect(world.egress.open).toBe(0);
  });

  it('leave sockets to others: one address takes a quarter of them', async () => {
    await using small = await World.open({ DORMOUSE_EGRESS_CONNECTIONS: '4' });
    const silent = [small.socket('', small.egressPort), small.socket('', small.egressPort)];
    await Promise.all(silent.map((each) => once(each, 'connect')));
    await closed(small.socket('', small.egressPort));
    for (const each of silent) each.destroy();
    await vi.waitFor(async () =>
      expect(
        await small.exchange('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', small.egressPort),
      ).toContain('407'),
    );
  });

  it('cut off whose head is too long', async () => {
    const big = connecting(world, `x-big: ${'x'.repeat(20_000)}\r\n`);
    expect(await world.exchange(big, world.egressPort)).toMatch(/^(HTTP\/1.1 431|$)/);
  });

  it('cut off who sends its head slowly on purpose', async () => {
    const nobody = () => {
      throw new EgressRefusal('unauthorized', 'nobody comes in here');
    };
    const proxy = new EgressProxy({
      gate: { identify: nobody, admit: nobody },
      dialer: { dial: nobody },
      clock: systemClock,
      log: pino({ level: 'silent' }),
      audit: () => undefined,
      decided: () => undefined,
      count: () => undefined,
      timeouts: { headers: 200, idle: 60_000 },
      sockets: 8,
    });
    const socket = world.socket('CONNECT a.example:443 HTTP/1.1\r\n', await proxy.listen(0));
    const dripping = setInterval(() => socket.write('x-more: and more\r\n'), 20);
    await closed(socket);
    clearInterval(dripping);
    await proxy.drain(0);
  });
});
