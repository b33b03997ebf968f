import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { World } from '../testing/world.ts';
import { EventFrames } from './event-frames.ts';

let world: World;
let streams: { url: string; response: ServerResponse }[];
beforeEach(async () => {
  world = await World.open();
  streams = [];
  world.agent.onRequest = (request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    streams.push({ url: request.url ?? '', response });
  };
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

const frame = (id: number) => `id: ${id}\nevent: message\ndata: {"n":${id}}\n\n`;

async function follow(path: string) {
  const answer = await world.fetch(path);
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let text = '';
  return {
    /** Reads until the stream said this. */
    async until(what: string): Promise<string> {
      while (!text.includes(what)) {
        const { done, value } = await reader.read();
        if (done) throw new Error(`ended after ${JSON.stringify(text)}`);
        text += decoder.decode(value, { stream: true });
      }
      return text;
    },
    leave: () => reader.cancel(),
  };
}

describe('a stream of events', () => {
  it('comes as it is made, one event at a time', async () => {
    world.put('Running');
    const client = await follow('agent/events?after=4');
    await vi.waitFor(() => expect(streams).toHaveLength(1));
    expect(streams[0]?.url).toBe('/v1/events?after=4');
    for (const id of [5, 6, 7]) {
      streams[0]?.response.write(frame(id));
      expect(await client.until(`"n":${id}`)).not.toContain(`"n":${id + 1}`);
    }
  });

  it('wakes a workspace when it is opened, and does not keep it awake by being open', async () => {
    await using brief = await World.open({ DORMOUSE_ATTACH_LEASE: '60ms' });
    brief.put('Suspended');
    brief.agent.onRequest = world.agent.onRequest;
    const opening = brief.fetch('agent/events?after=0');
    await vi.waitFor(() => expect(brief.wakes).toBeGreaterThan(0));
    brief.put('Running');
    const reader = ((await opening).body as ReadableStream<Uint8Array>).getReader();
    await vi.waitFor(() => expect(streams).toHaveLength(1));
    const { wakes } = brief;
    // For several leases: were an open stream a use, there would be a write in each.
    const until = Date.now() + 300;
    for (let id = 1; Date.now() < until; id++) {
      streams[0]?.response.write(frame(id));
      await reader.read();
    }
    expect(brief.wakes).toBe(wakes);
    await reader.cancel();
  });

  it('stays open over a sleep without waking, and goes on after the last whole event', async () => {
    world.put('Running');
    const client = await follow('agent/events?after=4');
    await vi.waitFor(() => expect(streams).toHaveLength(1));
    streams[0]?.response.write(`${frame(5)}id: 6\nevent: mess`);
    await client.until('"n":5');
    const wakes = world.wakes;
    world.put('Suspended');
    streams[0]?.response.destroy();
    await vi.waitFor(() => expect(world.gateway.open).toBe(1));
    world.put('Running');
    await vi.waitFor(() => expect(streams).toHaveLength(2), 5_000);
    expect(streams[1]?.url).toBe('/v1/events?after=5');
    streams[1]?.response.write(frame(6));
    expect(await client.until('"n":6')).toBe(frame(5) + frame(6));
    expect(world.wakes).toBe(wakes);
  });

  it('ends for who lost the right meanwhile', async () => {
    await using brief = await World.open();
    brief.put('Running');
    const opened: ServerResponse[] = [];
    brief.agent.onRequest = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
      opened.push(response);
    };
    const answer = await brief.fetch('agent/events?after=1');
    brief.forgetAnswers();
    brief.rights.clear();
    opened[0]?.destroy();
    await expect(answer.text()).rejects.toThrow();
    await vi.waitFor(() => expect(brief.audits.at(-1)).toMatchObject({ outcome: 'forbidden' }));
  });

  it('is given up in the workspace when the client leaves', async () => {
    world.put('Running');
    const client = await follow('agent/events');
    await vi.waitFor(() => expect(streams).toHaveLength(1));
    const closed = new Promise((resolve) => streams[0]?.response.once('close', resolve));
    await client.leave();
    await closed;
    await vi.waitFor(() => expect(world.gateway.open).toBe(0));
    expect(world.audits.map(({ outcome }) => outcome)).toEqual(['opened', 'left']);
  });
});

describe('event frames', () => {
  it('pass whole events on, wherever the chunks are cut, and know the last id', () => {
    const text = `${frame(8)}:\n\n${frame(9)}`;
    for (let at = 0; at <= text.length; at++) {
      const frames = new EventFrames(undefined);
      const out = [text.slice(0, at), text.slice(at)].map((each) =>
        frames.push(Buffer.from(each)).toString(),
      );
      expect(out.join('')).toBe(text);
      expect(frames.cursor).toBe('9');
    }
  });

  it('take the cursor of the opening state until an event has an id', () => {
    const frames = new EventFrames(undefined);
    frames.push(Buffer.from('event: state\ndata: {"bootId":"b","cursor":12,"busy":false}\n\n'));
    expect(frames.cursor).toBe('12');
    frames.push(Buffer.from(frame(13)));
    expect(frames.cursor).toBe('13');
  });

  it('do not grow without end', () => {
    const frames = new EventFrames('1');
    const push = () => {
      for (let i = 0; i < 20; i++) frames.push(Buffer.alloc(1 << 20, 'x'));
    };
    expect(push).toThrow(RangeError);
  });
});
