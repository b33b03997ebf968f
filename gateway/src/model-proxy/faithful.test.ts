import type Anthropic from '@anthropic-ai/sdk';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseFault } from '../../../test/support/model-server/fault.ts';
import { key, ModelWorld, prompt } from './testing/model-world.ts';
import { inPieces, RawProvider, stream } from './testing/raw-provider.ts';

let here: ModelWorld;
let provider: RawProvider;
beforeEach(async () => {
  here = await ModelWorld.open();
  provider = here.with(await RawProvider.open(inPieces([], 'end')));
});
afterEach(() => here[Symbol.asyncDispose]());

/** Everything that the SDK tells of one call: events, and how it ended. */
async function told(client: Anthropic, text = 'say: x', more = {}): Promise<unknown[]> {
  const seen: unknown[] = [];
  const running = client.messages.stream(prompt(text), more);
  running.on('streamEvent', (each) => seen.push(structuredClone(each)));
  try {
    seen.push(await running.finalMessage());
  } catch (error) {
    const { status, type, requestID, message } = error as InstanceType<typeof Anthropic.APIError>;
    seen.push({ name: (error as Error).constructor.name, status, type, requestID, message });
  }
  return seen;
}

const whole = Buffer.from(stream());
const at = (size: number) =>
  Array.from({ length: Math.ceil(whole.length / size) }, (_, index) =>
    whole.subarray(index * size, (index + 1) * size),
  );
const cutAt = (length: number) => inPieces([whole.subarray(0, length)], 'cut');
const carriageReturns = Buffer.from(whole.toString().replaceAll('\n', '\r\n'));
const streamError = `event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n`;

describe('what the SDK receives through the gateway is what it receives directly', () => {
  it.each([
    ['a stream in one piece', inPieces([whole], 'end')],
    ['one byte at a time, characters torn apart', inPieces(at(1), 'end')],
    ['pieces of 7 bytes', inPieces(at(7), 'end')],
    [
      'lines that end in CR LF, torn between the two',
      inPieces(
        [...carriageReturns].map((byte) => Buffer.from([byte])),
        'end',
      ),
    ],
    [
      'events and fields that nobody knows',
      inPieces([Buffer.from(`: hi\nevent: new\ndata: {}\n\nretry: 3\n${stream()}`)], 'end'),
    ],
    ['a stream that breaks off in its first event', cutAt(50)],
    ['a stream that breaks off in the middle', cutAt(whole.length / 2)],
    ['a stream that ends before its last event', inPieces([whole.subarray(0, whole.length - 60)], 'end')],
    ['an error in the stream', inPieces([whole.subarray(0, 700), Buffer.from(`\n\n${streamError}`)], 'end')],
    ['an answer that is empty', inPieces([], 'end')],
  ])('%s', async (_name, respond) => {
    provider.respond = respond;
    await here.putClass({ baseUrl: provider.url });
    const direct = await told(here.client(key, provider.url));
    expect(await told(here.client())).toEqual(direct);
  });

  it.each(['400', '401', '429 retry-after 3', '500', '529', 'cut after 0', 'cut after 4', 'error after 3'])(
    'with the fault "%s" of a server as strict as the API',
    async (fault) => {
      const headers = { 'x-model-server-fault': fault };
      expect(parseFault(fault)).toBeDefined();
      const plain = (list: unknown[]) => JSON.parse(JSON.stringify(list).replaceAll(/req_[\w-]+/g, 'req'));
      const direct = await told(here.client(key, here.provider.url), 'say: hello', { headers });
      const through = await told(here.client(), 'say: hello', { headers });
      expect(plain(through)).toEqual(plain(direct));
    },
  );

  it('headers of the answer go on, but for those of one connection, cookies and words of the gateway', async () => {
    provider.respond = (response) => {
      response.writeHead(200, {
        'content-type': 'application/json',
        'request-id': 'req_9',
        'anthropic-ratelimit-tokens-remaining': '5',
        connection: 'x-mine',
        'x-mine': '1',
        'set-cookie': 'a=b',
        'x-dormouse-reason': 'TokenBudgetSpent',
      });
      response.end('{"usage":{"input_tokens":3,"output_tokens":4}}');
    };
    await here.putClass({ baseUrl: provider.url });
    const { headers } = await here.fetch();
    expect(headers.get('request-id')).toBe('req_9');
    expect(headers.get('anthropic-ratelimit-tokens-remaining')).toBe('5');
    for (const name of ['x-mine', 'set-cookie', 'x-dormouse-reason'])
      expect(headers.has(name), name).toBe(false);
  });
});

describe('what the provider receives', () => {
  it('is the body as it was, under its own key: nothing of the workspace’s token', async () => {
    provider.respond = inPieces([whole], 'end');
    await here.putClass({ baseUrl: `${provider.url}/deep/` });
    const body = JSON.stringify(prompt('say: ä\u2028 "quoted"'), null, 3);
    const answer = await here.fetch('/v1/messages?beta=true', {
      body,
      headers: {
        'x-api-key': 'mine',
        'anthropic-beta': 'a,b',
        'accept-encoding': 'gzip',
        'x-forwarded-for': '1.2.3.4',
        cookie: 'c=d',
        'x-stainless-retry-count': '2',
      },
    });
    await answer.text();
    const [got] = provider.received;
    expect(got?.url).toBe('/deep/v1/messages?beta=true');
    expect(got?.body).toBe(body);
    expect(got?.headers).toMatchObject({
      authorization: `Bearer ${key}`,
      host: new URL(provider.url).host,
      'anthropic-beta': 'a,b',
      'accept-encoding': 'identity',
      'x-stainless-retry-count': '2',
    });
    for (const name of ['x-api-key', 'x-forwarded-for', 'cookie'])
      expect(got?.headers).not.toHaveProperty(name);
    expect(JSON.stringify(provider.received)).not.toContain('home-token');
  });

  it('is nothing more once the client is gone', async () => {
    const closed = Promise.withResolvers<void>();
    provider.respond = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(whole.subarray(0, 400));
      response.on('close', () => closed.resolve());
    };
    await here.putClass({ baseUrl: provider.url });
    const leaving = new AbortController();
    const answer = await here.fetch('/v1/messages', { signal: leaving.signal });
    await answer.body?.getReader().read();
    leaving.abort();
    await closed.promise;
    // What was seen of it is charged.
    await vi.waitFor(() =>
      expect(here.accounts).toMatchObject([{ totalTokens: expect.any(Number), reservations: [] }]),
    );
    expect(here.accounts[0]?.charges[0]).toMatchObject({ inputTokens: 100, cacheReadTokens: 20 });
    await vi.waitFor(() => expect(here.world.audits.at(-1)).toMatchObject({ outcome: 'left' }));
  });

  it('is read no faster than the client reads: a slow one takes no memory', async () => {
    let sent = 0;
    const block = Buffer.from(`: ${'x'.repeat(1 << 20)}\n`);
    provider.respond = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const more = () => {
        do sent += 1;
        while (sent < 256 && response.write(block));
      };
      response.on('drain', more);
      more();
    };
    await here.putClass({ baseUrl: provider.url });
    const leaving = new AbortController();
    await here.fetch('/v1/messages', { signal: leaving.signal });
    let last = 0;
    const stalled = () => {
      const before = last;
      last = sent;
      expect(before).toBe(sent);
      expect(sent).toBeGreaterThan(1);
    };
    await vi.waitFor(stalled, { interval: 200, timeout: 10_000 });
    expect(sent).toBeLessThan(64);
    leaving.abort();
  });
});
