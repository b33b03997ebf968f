import { systemClock } from '@dormouse/operator/kube';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { noSpan } from '../telemetry/tracing.ts';
import { drip } from '../testing/drip.ts';
import { BodyMemory } from './body.ts';
import { ModelGateway } from './model-gateway.ts';

const memory = new BodyMemory(1_000_000);
let gateway: ModelGateway;
let port: number;
beforeEach(async () => {
  gateway = new ModelGateway({
    door: { admit: () => Promise.resolve({ leave: () => undefined } as never) },
    proxy: {
      serve: async (_admission, { request, signal }) => void (await memory.read(request, 10_000, signal)),
    },
    besides: [],
    written: () => Promise.resolve(),
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

describe('what sends slowly on purpose', () => {
  it('is cut off before its head is complete', async () => {
    // The 408 may be lost, as what was still being sent resets the connection.
    expect(await drip(port, 'POST / HTTP/1.1\r\nhost: x\r\n', 'x-more: and more\r\n')).toMatch(
      /^(HTTP\/1.1 408|$)/,
    );
  });

  it('is cut off before its body is complete, and its memory is free again', async () => {
    const head = 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9000\r\n\r\n';
    expect(await drip(port, head, 'x')).toMatch(/^(HTTP\/1.1 4|$)/);
    expect(memory.taken).toBe(0);
  });
});
