import { systemClock } from '@dormouse/operator/kube';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Gateway } from './gateway.ts';
import { Refusal } from './http/refusal.ts';
import { noSpan } from './telemetry/tracing.ts';
import { drip } from './testing/drip.ts';

let gateway: Gateway;
let port: number;
beforeEach(async () => {
  gateway = new Gateway({
    door: { admit: () => Promise.reject(new Refusal('unauthorized', 'nobody comes in here')) },
    mcp: { serve: async () => undefined },
    attach: { serve: () => Promise.resolve(), join: () => Promise.resolve(101) },
    origins: new Set(),
    tracing: { serve: () => noSpan },
    clock: systemClock,
    log: pino({ level: 'silent' }),
    audit: () => undefined,
    ended: () => undefined,
    timeouts: { headers: 200, request: 400 },
  });
  port = await gateway.listen(0);
});
afterEach(() => gateway.drain(0));

describe('a client that sends slowly on purpose', () => {
  it('is cut off before its head is complete', async () => {
    const text = await drip(port, 'GET / HTTP/1.1\r\nhost: x\r\n', 'x-more: and more\r\n');
    // The 408 may be lost, as what was still being sent resets the connection.
    expect(text).toMatch(/^(HTTP\/1.1 408|$)/);
  });

  it('has no connection kept for a body that nobody will read', async () => {
    const head = 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n';
    expect(await drip(port, head, 'x')).toMatch(/^(HTTP\/1.1 401|$)/);
  });
});
