import { afterEach, describe, expect, it } from 'vitest';
import { type Json, type RunningAgent, TestWorkspace } from '../testing/workspace.ts';

let workspace: TestWorkspace;
afterEach(() => workspace.close());

interface Received {
  id: number | undefined;
  event: string;
  data: Json;
}

/** Reads events until one satisfies the condition; returns all of them. */
async function read(
  agent: RunningAgent,
  after: number | undefined,
  last: (event: Received) => boolean,
): Promise<Received[]> {
  const query = after === undefined ? '' : `?after=${after}`;
  const response = await fetch(`${agent.url}/v1/events${query}`, {
    headers: { authorization: 'Bearer a-key-that-is-long-enough' },
  });
  const received: Received[] = [];
  let rest = '';
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    rest += Buffer.from(chunk).toString('utf8');
    const frames = rest.split('\n\n');
    rest = frames.pop() ?? '';
    for (const frame of frames) {
      const fields = Object.fromEntries(
        frame.split('\n').map((line) => [line.split(': ')[0], line.slice(line.indexOf(': ') + 2)]),
      );
      if (fields.event === undefined) continue;
      const event = {
        id: fields.id === undefined ? undefined : Number(fields.id),
        event: fields.event,
        data: JSON.parse(fields.data ?? ''),
      };
      received.push(event);
      if (last(event)) return received;
    }
  }
  throw new Error('the stream ended');
}

const completed = (key: string) => (event: Received) =>
  event.event === 'message' && event.data.key === key && event.data.phase === 'Completed';

describe('the API', () => {
  it.each([
    ['GET', '/v1/state'],
    ['GET', '/v1/nothing'],
    ['POST', '/v1/messages'],
    ['GET', '/metrics'],
    ['GET', '/openapi.json'],
  ])('tells nobody without the key anything: %s %s', async (method, path) => {
    workspace = await TestWorkspace.create();
    const { url } = await workspace.start();
    for (const headers of [
      {},
      { authorization: 'Bearer wrong' },
      { 'x-dormouse-key': '' },
      { authorization: 'a-key-that-is-long-enough' },
    ]) {
      const response = await fetch(`${url}${path}`, { method, headers: headers as Record<string, string> });
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({ error: { code: 'unauthorized' } });
    }
  });

  it('answers probes without a key, metrics with one', async () => {
    workspace = await TestWorkspace.create();
    const agent = await workspace.start();
    for (const path of ['/healthz', '/readyz']) expect((await fetch(`${agent.url}${path}`)).status).toBe(200);
    expect((await agent.call('GET', '/metrics')).text).toMatch(/^dormouse_agent_busy 0$/m);
  });

  it('refuses what it cannot take, with a sentence', async () => {
    workspace = await TestWorkspace.create();
    const agent = await workspace.start();
    const refused = async (method: string, path: string, body?: object) => {
      const answer = await agent.call(method, path, body);
      return [answer.status, answer.body.error.code];
    };
    expect(await refused('POST', '/v1/messages', { key: 'k', session: '../etc', text: 'x' })).toEqual([
      400,
      'invalid',
    ]);
    expect(
      await refused('POST', '/v1/messages', { key: 'k', session: 'main', text: 'x'.repeat(65_537) }),
    ).toEqual([400, 'invalid']);
    expect(
      await refused('POST', '/v1/messages', { key: 'k', session: 'main', text: 'x'.repeat(2_000_000) }),
    ).toEqual([413, 'invalid']);
    expect(await refused('DELETE', '/v1/state')).toEqual([405, 'invalid']);
    expect(await refused('GET', '/v1/sessions/none/transcript')).toEqual([404, 'not_found']);
    expect(await refused('POST', '/v1/approvals/none', { decision: 'allow' })).toEqual([404, 'not_found']);
    expect(await refused('GET', '/v1/events?after=-1')).toEqual([400, 'invalid']);
  });

  it('describes every route', async () => {
    workspace = await TestWorkspace.create();
    const { body } = await (await workspace.start()).call('GET', '/openapi.json');
    expect(Object.keys(body.paths)).toContain('/v1/sessions/{id}/transcript');
    expect(body.paths['/v1/messages'].post.requestBody.content['application/json'].schema.required).toContain(
      'key',
    );
  });

  it('sends a transcript in pieces', async () => {
    workspace = await TestWorkspace.create();
    const agent = await workspace.start();
    await agent.send('m1', 'run: true');
    await agent.settled('m1');
    const all = await agent.transcript();
    const { text } = await agent.call('GET', '/v1/sessions/main/transcript?after=1&limit=2');
    expect(
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(all.slice(1, 3));
  });
});

describe('the event stream', () => {
  it('begins with the state, and replays exactly what came after a cursor, across a restart', async () => {
    workspace = await TestWorkspace.create();
    const first = await workspace.start();
    await first.send('m1', 'say: one');
    await first.settled('m1');
    const seen = await read(first, 0, completed('m1'));
    expect(seen[0]?.event).toBe('state');
    const ids = seen.flatMap((event) => event.id ?? []);
    expect(ids).toEqual(ids.map((_, index) => index + 1));
    await first.stop();
    const second = await workspace.start();
    await second.send('m2', 'say: two');
    await second.settled('m2');
    const rest = (await read(second, ids.at(-1), completed('m2'))).flatMap((event) => event.id ?? []);
    expect(rest[0]).toBe((ids.at(-1) ?? 0) + 1);
    expect(rest).toEqual(rest.map((_, index) => (rest[0] ?? 0) + index));
  });

  it('says reset to a cursor that is not its own', async () => {
    workspace = await TestWorkspace.create();
    const agent = await workspace.start();
    const events = await read(agent, 99_999, (event) => event.event === 'reset');
    expect(events.at(-1)?.data).toEqual({ cursor: 0 });
  });

  it('shows text as the model says it, and the workspace becoming busy and idle', async () => {
    workspace = await TestWorkspace.create();
    const agent = await workspace.start();
    let idle = false;
    const events = read(agent, undefined, (event) => {
      if (event.event === 'message' && event.data.phase === 'Completed') idle = true;
      return idle && event.event === 'state' && !event.data.busy;
    });
    await agent.send('m1', 'wait: 0.3');
    const names = (await events).map((event) => event.event);
    expect(names[0]).toBe('state');
    expect(names).toContain('delta');
    expect((await events).some((event) => event.event === 'state' && event.data.busy)).toBe(true);
  });
});
