import { connect } from 'node:net';
import { systemClock } from '@dormouse/operator/kube';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Gateway } from './gateway.ts';
import { Refusal } from './http/refusal.ts';

let gateway: Gateway;
let port: number;
beforeEach(async () => {
  gateway = new Gateway({
    door: { admit: () => Promise.reject(new Refusal('unauthorized', 'nobody comes in here')) },
    attach: { serve: () => Promise.resolve(), join: () => Promise.resolve(101) },
    clock: systemClock,
    log: pino({ level: 'silent' }),
    audit: () => undefined,
    ended: () => undefined,
    timeouts: { headers: 200, request: 400 },
  });
  port = await gateway.listen(0);
});
afterEach(() => gateway.drain(0));

/** Sends a line now and then for as long as it is let; answers all that came until the connection was closed. */
async function drip(first: string, line: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(first);
  const dripping = setInterval(() => socket.write(line), 20);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  await new Promise((resolve) => socket.once('close', resolve));
  clearInterval(dripping);
  return text;
}

describe('a client that sends slowly on purpose', () => {
  it('is cut off before its head is complete', async () => {
    const text = await drip('GET / HTTP/1.1\r\nhost: x\r\n', 'x-more: and more\r\n');
    // The 408 may be lost, as what was still being sent resets the connection.
    expect(text).toMatch(/^(HTTP\/1.1 408|$)/);
  });

  it('has no connection kept for a body that nobody will read', async () => {
    const head = 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n';
    expect(await drip(head, 'x')).toMatch(/^(HTTP\/1.1 401|$)/);
  });
});
