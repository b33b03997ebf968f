import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { MessageRecord, RuntimeState } from '@dormouse/agent-runtime/protocol';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../kube/index.ts';
import { AgentConnection, defaultTimings } from './connection.ts';
import { AgentRefusedError } from './errors.ts';
import { directTransport } from './transport.ts';

const state = (change: Partial<RuntimeState> = {}): RuntimeState => ({
  bootId: 'boot-1',
  workspace: { namespace: 'team', name: 'hello', uid: 'uid-1' },
  configRevision: 'r1',
  cursor: 4,
  busy: false,
  busyReasons: [],
  lastActivityAt: '2026-01-01T00:00:00.000Z',
  sessions: [],
  openMessages: 0,
  approvals: [],
  background: [],
  subagents: [],
  plugins: [],
  services: [],
  tools: 'ready',
  lastSequence: 0,
  restore: { outcome: 'Fresh', processes: 'None', rejected: [], restored: [], restarted: [], ended: [] },
  ...change,
});
const record: MessageRecord = {
  key: 'message-uid',
  session: 'default',
  phase: 'Working',
  receivedAt: '2026-01-01T00:00:00.000Z',
};
const frame = (type: string, data: unknown, id?: number) =>
  `${id === undefined ? '' : `id: ${id}\n`}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;

let server: Server;
let port: number;
let streams: ServerResponse[];
let asked: string[];
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let connection: AgentConnection | undefined;
const changed = vi.fn();

beforeEach(async () => {
  streams = [];
  asked = [];
  changed.mockReset();
  answer = (_request, response) => response.writeHead(404).end();
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.authorization}`);
    if (request.url === '/v1/state') response.end(JSON.stringify(state()));
    else if (request.url?.startsWith('/v1/events')) {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(frame('state', state()));
      streams.push(response);
    } else answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});

afterEach(async () => {
  await connection?.close();
  connection = undefined;
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function open(silence = defaultTimings.silence): AgentConnection {
  connection = new AgentConnection({
    target: { namespace: 'team', podName: 'hello', podUID: 'pod-1', ip: '127.0.0.1', key: 'secret' },
    transport: directTransport(port),
    clock: systemClock,
    log: pino({ level: 'silent' }),
    timings: { ...defaultTimings, firstDelay: 5, silence },
    changed,
  });
  return connection;
}
const connected = (to: AgentConnection) => vi.waitFor(() => expect(to.view().connected).toBe(true));

describe('the connection to an agent', () => {
  it('reads the state, then follows the events from its cursor, with its key', async () => {
    await connected(open());
    expect(asked).toEqual(['GET /v1/state Bearer secret', 'GET /v1/events?after=4 Bearer secret']);
  });

  it('takes in what events say, whatever way they are cut into packets', async () => {
    const agent = open();
    await connected(agent);
    const text = `: heartbeat\n\n${frame('message', record, 5)}${frame('invented-later', { x: 1 }, 6)}`;
    streams[0]?.write(text.slice(0, 30));
    streams[0]?.write(text.slice(30));
    await vi.waitFor(() => expect(agent.view().records.get('message-uid')?.phase).toBe('Working'));
  });

  it('does not count as connected once the stream is cut, and comes back by itself with nothing assumed', async () => {
    const agent = open();
    await connected(agent);
    agent.noteRecord('message-uid', record);
    streams[0]?.destroy();
    await vi.waitFor(() => expect(streams.length).toBe(2));
    await connected(agent);
    expect(agent.view().records.size).toBe(0);
  });

  it('lets an answer that comes late take nothing back of what events have said', async () => {
    const agent = open();
    await connected(agent);
    const completed = { ...record, phase: 'Completed', completedAt: '2026-01-01T00:00:02.000Z' };
    // The answer is written after the turn has ended: on two connections it may be read that late.
    answer = (_request, response) => {
      streams[0]?.write(frame('message', completed, 5));
      void vi
        .waitFor(() => expect(agent.view().records.get('message-uid')?.phase).toBe('Completed'))
        .then(() => response.end(JSON.stringify({ ...record, phase: 'Queued' })));
    };
    agent.noteRecord(
      'message-uid',
      await agent.client.postMessage({ key: 'message-uid', session: 'default', text: 'hi' }),
    );
    expect(agent.view().records.get('message-uid')?.phase).toBe('Completed');
  });

  it('takes silence for death', async () => {
    open(60);
    await vi.waitFor(() => expect(streams.length).toBeGreaterThan(1));
  });

  it('goes on trying while nobody listens yet', async () => {
    const { port: taken } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const agent = open();
    await vi.waitFor(() => expect(agent.view().problem).toBeDefined());
    await new Promise<void>((resolve) => server.listen(taken, '127.0.0.1', resolve));
    await connected(agent);
  });

  it('wakes nobody for news that no decision depends on', async () => {
    const agent = open();
    await connected(agent);
    changed.mockClear();
    streams[0]?.write(frame('state', state({ lastActivityAt: '2026-01-01T00:00:01.000Z', cursor: 9 })));
    await vi.waitFor(() => expect(agent.view().state?.cursor).toBe(9));
    expect(changed).not.toHaveBeenCalled();
    streams[0]?.write(frame('state', state({ busy: true })));
    await vi.waitFor(() => expect(changed).toHaveBeenCalled());
  });

  it('gives up a stream that says what it cannot understand', async () => {
    const agent = open();
    await connected(agent);
    streams[0]?.write(frame('state', { busy: 'perhaps' }));
    await vi.waitFor(() => expect(streams.length).toBe(2));
  });
});

describe('asking an agent', () => {
  it('tells a refusal by its code', async () => {
    answer = (_request, response) =>
      response
        .writeHead(409, { 'content-type': 'application/json' })
        .end(JSON.stringify({ error: { code: 'checkpointing', message: 'not now' } }));
    const refused = open().client.postMessage({ key: 'k', session: 'default', text: 'hi' });
    await expect(refused).rejects.toSatisfy(
      (error) => error instanceof AgentRefusedError && error.code === 'checkpointing',
    );
  });

  it('keeps of a reply what a status can hold', async () => {
    answer = (_request, response) =>
      response.end(JSON.stringify({ ...record, reply: { text: 'é'.repeat(100_000), entry: 'e' } }));
    const { reply } = await open().client.postMessage({ key: 'k', session: 'default', text: 'hi' });
    expect(Buffer.byteLength(reply?.text ?? '')).toBeLessThanOrEqual(16_388);
  });

  it('computes the digest of a manifest from its bytes', async () => {
    answer = (_request, response) => response.end('{}');
    expect(await open().client.manifestDigest(3)).toBe(
      'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
    );
  });

  it('takes a checkpoint that is not there any more for cancelled', async () => {
    answer = (_request, response) =>
      response.writeHead(404).end(JSON.stringify({ error: { code: 'not_found', message: 'none' } }));
    await expect(open().client.cancelCheckpoint(3)).resolves.toBeUndefined();
  });
});
