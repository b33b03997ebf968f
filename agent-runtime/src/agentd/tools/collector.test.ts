import { describe, expect, it } from 'vitest';
import type { CollectRequest, CollectResult } from '../../protocol/tools-api.ts';
import { Collector } from './collector.ts';

const request = (path: string): CollectRequest => ({ files: [path], folders: [], maxFileBytes: 1 });
const { signal } = new AbortController();

/** Tools that answer with the path of each file as a problem, or with what `answer` says. */
function tools(answer?: (requests: CollectRequest[]) => CollectResult[] | Error) {
  const bodies: CollectRequest[][] = [];
  const collector = new Collector(async (_method, _path, body, schema) => {
    const { requests } = body as { requests: CollectRequest[] };
    bodies.push(requests);
    const results = answer?.(requests) ?? requests.map(({ files }) => about(files.join()));
    if (results instanceof Error) throw results;
    return schema.parse({ results });
  });
  return { collector, bodies };
}

function about(path: string): CollectResult {
  return { files: [], problems: [{ path, code: 'io', message: '' }], truncated: false };
}

describe('reading files', () => {
  it('is one request for what is asked for in the same moment, and each gets its own answer', async () => {
    const { collector, bodies } = tools();
    const later = Promise.resolve().then(() => collector.collect(request('c'), signal));
    const all = [collector.collect(request('a'), signal), collector.collect(request('b'), signal), later];
    expect(await Promise.all(all)).toEqual([about('a'), about('b'), about('c')]);
    expect(bodies).toHaveLength(1);
    expect(await collector.collect(request('d'), signal)).toEqual(about('d'));
    expect(bodies).toHaveLength(2);
  });

  it('does not end with that of somebody else', async () => {
    const { collector, bodies } = tools();
    const other = new AbortController().signal;
    await Promise.all([collector.collect(request('a'), signal), collector.collect(request('b'), other)]);
    expect(bodies).toEqual([[request('a')], [request('b')]]);
  });

  it('fails for all of them', async () => {
    const { collector } = tools(() => new Error('gone'));
    const all = ['a', 'b'].map((path) => collector.collect(request(path), signal));
    expect(await Promise.allSettled(all)).toEqual([
      { status: 'rejected', reason: new Error('gone') },
      { status: 'rejected', reason: new Error('gone') },
    ]);
  });

  it('takes no answer that leaves somebody out', async () => {
    const { collector } = tools(() => [about('a')]);
    const all = ['a', 'b'].map((path) => collector.collect(request(path), signal));
    expect((await Promise.allSettled(all)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});
