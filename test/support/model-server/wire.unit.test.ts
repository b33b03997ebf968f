/** The server as it is on the wire: what it refuses, in which words, and the order of events. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ModelServer, startModelServer } from './server.ts';

let server: ModelServer;
beforeAll(async () => {
  server = await startModelServer({ maxBodyBytes: 100_000, contextWindow: 20_000 });
});
afterAll(() => server.close());

const headers = { 'anthropic-version': '2026-10-21', 'content-type': 'application/json' };
const tool = { name: 'Bash', input_schema: { type: 'object', properties: { command: { type: 'string' } } } };
const hello = [{ role: 'user', content: 'say: hi' }];

function post(body: unknown, more: Record<string, string | undefined> = {}, path = '/v1/messages') {
  const sent = Object.entries({ ...headers, ...more }).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: Object.fromEntries(sent),
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

const request = (more: object) => ({ model: 'scripted', max_tokens: 100, messages: hello, ...more });
const use = (...ids: string[]) => ({
  role: 'assistant',
  content: ids.map((id) => ({ type: 'tool_use', id, name: 'Bash', input: {} })),
});
const result = (id: string) => ({ type: 'tool_result', tool_use_id: id, content: 'ok' });
const user = (...content: object[]) => ({ role: 'user', content });
const text = (value: string) => ({ type: 'text', text: value });
const marked = { cache_control: { type: 'ephemeral' } };

async function refused(body: unknown, more: Record<string, string | undefined> = {}) {
  const response = await post(body, more);
  const answer = (await response.json()) as {
    type: string;
    error: { type: string; message: string };
    request_id: string;
  };
  expect(answer.type).toBe('error');
  expect(answer.request_id).toBe(response.headers.get('request-id'));
  return { status: response.status, ...answer.error };
}

describe('the form of a request', () => {
  it.each<[string, object, RegExp]>([
    ['no max_tokens', { max_tokens: undefined }, /^max_tokens: Field required$/],
    ['max_tokens of 0', { max_tokens: 0 }, /^max_tokens: Input should be greater than or equal to 1$/],
    ['too many max_tokens', { max_tokens: 1_000_000 }, /^max_tokens: 1000000 > 128000/],
    ['an empty model', { model: '' }, /^model: String should have at least 1 character$/],
    ['no messages', { messages: [] }, /^messages: at least 1 item is required$/],
    ['an unknown field', { mesages: [] }, /^mesages: Extra inputs are not permitted$/],
    [
      'an unknown field in a block',
      { messages: [user({ ...text('a'), id: 1 })] },
      /^messages\.0\.content\.0\.id: Extra/,
    ],
    [
      'an unknown block',
      { messages: [user({ type: 'sound' })] },
      /^messages\.0\.content\.0\.type: Input tag/,
    ],
    [
      'a block without its field',
      { messages: [user({ type: 'text' })] },
      /^messages\.0\.content\.0\.text: Field required$/,
    ],
    ['a system prompt that is no text', { system: 5 }, /^system: /],
    ['an empty system block', { system: [text('')] }, /^system: text content blocks must be non-empty$/],
    ['an unknown effort', { output_config: { effort: 'huge' } }, /^output_config\.effort: /],
    ['an unknown field of the output', { output_config: { efort: 'low' } }, /^output_config\.efort: Extra/],
    ['temperature in the newer version', { temperature: 1 }, /^temperature: Extra inputs are not permitted$/],
    [
      'a bad tool name',
      { tools: [{ ...tool, name: 'a b' }] },
      /^tools\.0\.name: String should match pattern/,
    ],
    ['two tools of one name', { tools: [tool, tool] }, /^tools: Tool names must be unique\.$/],
    [
      'a schema that is none',
      { tools: [{ ...tool, input_schema: { type: 'object', properties: { a: { type: 'text' } } } }] },
      /^tools\.0\.input_schema: JSON schema is invalid/,
    ],
    [
      'a schema of no object',
      { tools: [{ ...tool, input_schema: { type: 'string' } }] },
      /^tools\.0\.input_schema\.type: /,
    ],
    [
      'tool_choice without tools',
      { tool_choice: { type: 'any' } },
      /only be specified while providing `tools`/,
    ],
    [
      'the choice of an unknown tool',
      { tools: [tool], tool_choice: { type: 'tool', name: 'X' } },
      /Tool 'X' not found/,
    ],
    [
      'five cache breakpoints',
      { ...marked, system: [1, 2, 3, 4].map((n) => ({ ...text(`${n}`), ...marked })) },
      /^A maximum of 4 blocks with cache_control may be provided\. Found 5\.$/,
    ],
    [
      'a prompt beyond the context window',
      { system: 'x'.repeat(90_000) },
      /^prompt is too long: \d+ tokens > 20000 maximum$/,
    ],
  ])('%s is refused', async (_, more, message) => {
    const answer = await refused(request(more));
    expect(answer).toMatchObject({ status: 400, type: 'invalid_request_error' });
    expect(answer.message).toMatch(message);
  });

  it('takes every effort that there is', async () => {
    for (const effort of ['low', 'medium', 'high', 'xhigh', 'max'])
      expect((await post(request({ output_config: { effort } }))).status).toBe(200);
  });

  it('takes temperature in the older version', async () => {
    const response = await post(request({ temperature: 1 }), { 'anthropic-version': '2023-06-01' });
    expect(response.status).toBe(200);
  });

  it('must be JSON, declared as such, of a known version and a bearable size', async () => {
    expect(await refused('{')).toMatchObject({
      status: 400,
      message: expect.stringContaining('not valid JSON'),
    });
    expect(await refused(request({}), { 'content-type': 'text/plain' })).toMatchObject({ status: 400 });
    expect(await refused(request({}), { 'anthropic-version': undefined })).toMatchObject({
      status: 400,
      message: 'anthropic-version: header is required',
    });
    expect(await refused(request({}), { 'anthropic-version': '2020-01-01' })).toMatchObject({ status: 400 });
    expect(await refused(request({ system: 'x'.repeat(200_000) }))).toMatchObject({
      status: 413,
      type: 'request_too_large',
    });
  });

  it('goes to a known path by POST', async () => {
    expect((await post({}, {}, '/v1/complete')).status).toBe(404);
    expect((await fetch(`${server.url}/v1/messages`)).status).toBe(405);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  });
});

describe('the order of messages', () => {
  const withTools = (...messages: object[]) => request({ tools: [tool], messages });
  it.each<[string, object[], RegExp]>([
    [
      'an answer at the head',
      [{ role: 'assistant', content: 'a' }, ...hello],
      /^messages: first message must use the "user" role$/,
    ],
    [
      'an answer at the end',
      [...hello, { role: 'assistant', content: 'a' }],
      /must end with a user message\.$/,
    ],
    ['an empty message', [{ role: 'user', content: '' }], /must have non-empty content/],
    ['an empty text', [user(text(''))], /^messages: text content blocks must be non-empty$/],
    ['a blank text', [user(text(' \n'))], /must contain non-whitespace text$/],
    [
      'a tool_use without result',
      [...hello, use('a', 'b'), user(result('a'))],
      /^messages\.1: `tool_use` ids were found without `tool_result` blocks immediately after: b\. Each/,
    ],
    [
      'text before the results',
      [...hello, use('a'), user(text('x'), result('a'))],
      /^messages\.1: `tool_use` ids were found without/,
    ],
    [
      'a result without tool_use',
      [user(result('a'))],
      /^messages\.0\.content\.0: unexpected `tool_use_id` found in `tool_result` blocks: a\./,
    ],
    [
      'a result of an older tool_use',
      [...hello, use('a'), user(result('a')), { role: 'assistant', content: 'x' }, user(result('a'))],
      /^messages\.4\.content\.0: unexpected/,
    ],
    [
      'two results of one tool_use',
      [...hello, use('a'), user(result('a'), result('a'))],
      /Found multiple `tool_result` blocks with id: a$/,
    ],
    [
      'an id used twice',
      [...hello, use('a'), user(result('a')), use('a'), user(result('a'))],
      /^messages: `tool_use` ids must be unique$/,
    ],
    [
      'a tool_use of the user',
      [user({ type: 'tool_use', id: 'a', name: 'Bash', input: {} })],
      /can only be in `assistant` messages$/,
    ],
    [
      'a thought with a foreign signature',
      [
        ...hello,
        { role: 'assistant', content: [{ type: 'thinking', thinking: 'x', signature: 'y' }] },
        ...hello,
      ],
      /Invalid `signature` in `thinking` block$/,
    ],
  ])('%s is refused', async (_, messages, message) => {
    const answer = await refused(withTools(...messages));
    expect(answer).toMatchObject({ status: 400, type: 'invalid_request_error' });
    expect(answer.message).toMatch(message);
  });

  it('combines consecutive messages of one role, results spread over two included', async () => {
    const response = await post(
      withTools(...hello, ...hello, use('a'), use('b'), user(result('a')), user(result('b'), text('say: x'))),
    );
    expect(response.status).toBe(200);
  });

  it('refuses tool blocks where no tool is declared', async () => {
    const answer = await refused(request({ messages: [...hello, use('a'), user(result('a'))] }));
    expect(answer.message).toMatch(/must define tools$/);
  });
});

describe('a stream', () => {
  it('has the documented events in their order, text and tool input in pieces', async () => {
    const messages = [
      { role: 'user', content: 'wait: 0.01\nrun: echo a command that is longer than one piece' },
    ];
    const response = await post(request({ tools: [tool], messages, stream: true }));
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    const events = (await response.text())
      .trimEnd()
      .split('\n\n')
      .map((event) => {
        const [, name, data] = /^event: (.+)\ndata: (.+)$/.exec(event) ?? [];
        return { name, data: JSON.parse(data ?? '') };
      });
    for (const { name, data } of events) expect(data.type).toBe(name);
    const names = events.map((event) => event.name);
    expect(names.filter((name, at) => name !== names[at - 1])).toEqual([
      'message_start',
      'content_block_start',
      'ping',
      'content_block_delta',
      'content_block_stop',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
    expect(events[0]?.data.message).toMatchObject({ role: 'assistant', content: [], stop_reason: null });
    const json = events.flatMap(({ data }) =>
      data.delta?.type === 'input_json_delta' ? [data.delta.partial_json] : [],
    );
    expect(json[0]).toBe('');
    expect(json.length).toBeGreaterThan(2);
    expect(JSON.parse(json.join(''))).toEqual({ command: 'echo a command that is longer than one piece' });
    expect(events.at(-2)?.data).toMatchObject({ delta: { stop_reason: 'tool_use', stop_sequence: null } });
  });

  it('takes a fault from its header, and refuses one that is none', async () => {
    const faulty = (fault: string) => post(request({}), { 'x-model-server-fault': fault });
    const limited = await faulty('429 retry-after 7');
    expect([
      limited.status,
      limited.headers.get('retry-after'),
      limited.headers.get('x-should-retry'),
    ]).toEqual([429, '7', 'true']);
    expect((await faulty('529 for 2 attempts')).status).toBe(529);
    expect((await faulty('weather')).status).toBe(400);
  });
});
