/** The server as the SDK sees it. */
import Anthropic from '@anthropic-ai/sdk';
import { afterEach, describe, expect, it } from 'vitest';
import { parseFault } from './fault.ts';
import { understood } from './script.ts';
import { type AnswerRecord, type ModelServer, type ModelServerOptions, startModelServer } from './server.ts';

type Params = Anthropic.MessageCreateParamsNonStreaming;
type MessageParam = Anthropic.MessageParam;

const tools: Anthropic.Tool[] = ['Bash', 'Read', 'Write', 'Grep'].map((name) => ({
  name,
  input_schema: { type: 'object', properties: { command: { type: 'string' } } },
}));

let server: ModelServer;
let records: AnswerRecord[];
afterEach(() => server.close());

async function connect(
  options: ModelServerOptions = {},
  client: { apiKey?: string; maxRetries?: number } = {},
) {
  records = [];
  server = await startModelServer({ onAnswer: (record) => records.push(record), ...options });
  return new Anthropic({ apiKey: 'key', maxRetries: 0, baseURL: server.url, ...client });
}

function prompt(text: string, more: Partial<Params> = {}): Params {
  return { model: 'scripted', max_tokens: 4096, tools, messages: [{ role: 'user', content: text }], ...more };
}

/** Runs the tool loop to its end, as an agent would. */
async function converse(
  client: Anthropic,
  messages: MessageParam[],
  runTool: (call: Anthropic.ToolUseBlock) => string,
): Promise<string> {
  const reply = await client.messages.stream(prompt('', { messages })).finalMessage();
  messages.push({ role: 'assistant', content: reply.content });
  const calls = reply.content.filter((block) => block.type === 'tool_use');
  if (calls.length === 0) return textOf(reply);
  messages.push({
    role: 'user',
    content: calls.map((call) => ({ type: 'tool_result', tool_use_id: call.id, content: runTool(call) })),
  });
  return converse(client, messages, runTool);
}

function textOf(message: Anthropic.Message): string {
  return message.content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('');
}

async function refusal(request: Promise<unknown>): Promise<InstanceType<typeof Anthropic.APIError>> {
  try {
    await request;
  } catch (error) {
    if (error instanceof Anthropic.APIError) return error;
    throw error;
  }
  throw new Error('the request was accepted');
}

describe('a script', () => {
  it('runs its lines in order over the tool loop, and the last answer holds every output', async () => {
    const client = await connect();
    const calls: [string, unknown][] = [];
    const text = await converse(
      client,
      [
        {
          role: 'user',
          content: 'write notes.txt: hello: world\nsay: written\nread notes.txt\nrun: wc -c notes.txt',
        },
      ],
      (call) => {
        calls.push([call.name, call.input]);
        return `output ${calls.length}`;
      },
    );
    expect(calls).toEqual([
      ['Write', { file_path: 'notes.txt', content: 'hello: world' }],
      ['Read', { file_path: 'notes.txt' }],
      ['Bash', { command: 'wc -c notes.txt' }],
    ]);
    expect(text).toBe('output 1\nwritten\noutput 2\noutput 3');
  });

  it('calls any tool with any input', async () => {
    const client = await connect();
    const input = { pattern: 'ä"\\', deep: [{ a: null }] };
    const reply = await client.messages.stream(prompt(`tool Grep ${JSON.stringify(input)}`)).finalMessage();
    expect(reply.content).toMatchObject([{ type: 'tool_use', name: 'Grep', input }]);
    expect(reply.stop_reason).toBe('tool_use');
  });

  it('says so when the tool was not offered', async () => {
    const client = await connect();
    expect(textOf(await client.messages.create(prompt('tool Nope {}')))).toContain('No tool named Nope');
  });

  it('recalls what stands in the conversation it was sent, in order, and nothing else', async () => {
    const client = await connect();
    const messages: MessageParam[] = [{ role: 'user', content: 'remember: the first' }];
    await converse(client, messages, () => '');
    messages.push({ role: 'user', content: 'say: between\nremember: the second' });
    await converse(client, messages, () => '');
    messages.push({ role: 'user', content: 'recall' });
    expect(await converse(client, messages, () => '')).toBe('the first\nthe second');
    expect(textOf(await client.messages.create(prompt('recall')))).toBe('There is nothing to recall.');
  });

  it('answers anything else with what it understands, once or beside what it did', async () => {
    const client = await connect();
    expect(textOf(await client.messages.create(prompt('Please help me.')))).toBe(understood);
    expect(textOf(await client.messages.create(prompt('rnu: ls\nsay: hi')))).toBe(`${understood}\nhi`);
  });

  it('takes the last prompt, not one that was left unanswered before it', async () => {
    const client = await connect();
    const messages: MessageParam[] = [
      { role: 'user', content: 'fail: 400' },
      { role: 'user', content: 'say: unstuck' },
    ];
    expect(await converse(client, messages, () => '')).toBe('unstuck');
  });

  it('goes on with the script when the agent puts a notice beside a tool result', async () => {
    const client = await connect();
    const first = await client.messages.create(prompt('run: one\nrun: two'));
    const messages: MessageParam[] = [
      { role: 'user', content: 'run: one\nrun: two' },
      { role: 'assistant', content: first.content },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: (first.content[0] as Anthropic.ToolUseBlock).id, content: '1' },
          { type: 'text', text: '<system-reminder>\nsay: not a user\n</system-reminder>\nA task has ended.' },
        ],
      },
    ];
    const second = await client.messages.create(prompt('', { messages }));
    expect(second.content).toMatchObject([{ type: 'tool_use', input: { command: 'two' } }]);
  });

  it('shows a failed tool call as failed', async () => {
    const client = await connect();
    const first = await client.messages.create(prompt('run: x'));
    const id = (first.content[0] as Anthropic.ToolUseBlock).id;
    const messages: MessageParam[] = [
      { role: 'user', content: 'run: x' },
      { role: 'assistant', content: first.content },
      {
        role: 'user',
        content: [{ type: 'tool_result', tool_use_id: id, content: 'denied', is_error: true }],
      },
    ];
    expect(await converse(client, messages, () => '')).toBe('The tool failed: denied');
  });

  it('gives the same answer to the same request, and another id to another', async () => {
    const client = await connect();
    const ids = await Promise.all(
      ['run: a', 'run: a', 'run: b'].map(async (text) => (await client.messages.create(prompt(text))).id),
    );
    expect(ids[0]).toBe(ids[1]);
    expect(ids[0]).not.toBe(ids[2]);
  });

  it('streams a wait for as long as it was told, in pieces', async () => {
    const client = await connect();
    const started = performance.now();
    const arrivals: number[] = [];
    for await (const event of await client.messages.create({ ...prompt('wait: 0.6'), stream: true })) {
      if (event.type === 'content_block_delta') arrivals.push(performance.now() - started);
    }
    expect(performance.now() - started).toBeGreaterThanOrEqual(590);
    expect(arrivals.length).toBeGreaterThanOrEqual(3);
    expect(arrivals[0]).toBeLessThan(500);
  });

  it('stops at max_tokens and at a stop sequence', async () => {
    const client = await connect();
    const cut = await client.messages.create(prompt(`say: ${'word '.repeat(100)}`, { max_tokens: 10 }));
    expect(cut.stop_reason).toBe('max_tokens');
    expect(cut.usage.output_tokens).toBe(10);
    const stopped = await client.messages.create(prompt('say: one STOP two', { stop_sequences: ['STOP'] }));
    expect(stopped).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: 'STOP' });
    expect(textOf(stopped)).toBe('one ');
  });
});

describe('usage', () => {
  it('counts nothing as cached without breakpoints, then writes, then reads what an earlier request had written', async () => {
    const client = await connect();
    const long = 'x'.repeat(20_000);
    const plain = await client.messages.create(prompt(long));
    expect(plain.usage).toMatchObject({ cache_creation_input_tokens: 0, cache_read_input_tokens: 0 });
    const marked = (text: string) => [
      { type: 'text' as const, text, cache_control: { type: 'ephemeral' as const } },
    ];
    const messages: MessageParam[] = [{ role: 'user', content: marked(long) }];
    const first = await client.messages.create(prompt('', { messages }));
    expect(first.usage.cache_read_input_tokens).toBe(0);
    expect(first.usage.cache_creation_input_tokens).toBeGreaterThanOrEqual(5000);
    messages.push(
      { role: 'assistant', content: first.content },
      { role: 'user', content: marked('say: hi') },
    );
    const second = await client.messages.create(prompt('', { messages }));
    expect(second.usage.cache_read_input_tokens).toBe(first.usage.cache_creation_input_tokens);
    expect(second.usage.cache_creation_input_tokens).toBeGreaterThan(0);
    expect(second.usage.input_tokens).toBe(0);
  });

  it('is counted the same by count_tokens', async () => {
    const client = await connect();
    const { max_tokens: _, ...params } = prompt('say: hi');
    const counted = await client.messages.countTokens(params);
    const reply = await client.messages.create(prompt('say: hi'));
    expect(counted.input_tokens).toBe(reply.usage.input_tokens);
  });
});

describe('a fault', () => {
  it.each([
    [400, 'invalid_request_error', Anthropic.BadRequestError],
    [401, 'authentication_error', Anthropic.AuthenticationError],
    [403, 'permission_error', Anthropic.PermissionDeniedError],
    [429, 'rate_limit_error', Anthropic.RateLimitError],
    [500, 'api_error', Anthropic.InternalServerError],
    [529, 'overloaded_error', Anthropic.InternalServerError],
  ])('%i is the error that the API documents', async (status, type, kind) => {
    const client = await connect();
    const error = await refusal(client.messages.create(prompt(`fail: ${status}`)));
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ status, type });
    expect(error.requestID).toMatch(/^req_/);
  });

  it('passes after the attempts it was given, and the client waits as long as retry-after says', async () => {
    const client = await connect({}, { maxRetries: 3 });
    const started = performance.now();
    const text = textOf(
      await client.messages.create(prompt('fail: 429 for 1 attempt retry-after 1\nsay: through')),
    );
    expect(text).toBe('the failure has passed\nthrough');
    expect(records.map((record) => record.status)).toEqual([429, 200]);
    expect(performance.now() - started).toBeGreaterThanOrEqual(990);
  });

  it('passes at the instant it names, and says how long that is', async () => {
    const client = await connect();
    const soon = new Date(Date.now() + 60_000).toISOString();
    const error = await refusal(client.messages.create(prompt(`fail: 429 until ${soon}`)));
    expect(Number(error.headers?.get('retry-after'))).toBeGreaterThan(55);
    const past = new Date(Date.now() - 1).toISOString();
    expect(textOf(await client.messages.create(prompt(`fail: 529 until ${past}\nsay: ok`)))).toContain('ok');
  });

  it('waits for its place in the script', async () => {
    const client = await connect();
    const messages: MessageParam[] = [{ role: 'user', content: 'run: a\nfail: 500\nrun: b' }];
    const ran: unknown[] = [];
    const error = await refusal(
      converse(client, messages, (call) => {
        ran.push(call.input);
        return 'done';
      }),
    );
    expect(error.status).toBe(500);
    expect(ran).toEqual([{ command: 'a' }]);
  });

  it('cuts a stream, so that the client sees no end of the message', async () => {
    const client = await connect();
    await expect(
      client.messages.stream(prompt('fail: cut after 4 events\nsay: a long enough answer')).finalMessage(),
    ).rejects.toThrow();
    expect(records).toHaveLength(1);
  });

  it('ends a stream with an error event', async () => {
    const client = await connect();
    const stream = client.messages.stream(prompt('fail: error after 3 events\nsay: hi')).finalMessage();
    expect(await refusal(stream)).toMatchObject({ type: 'overloaded_error' });
  });

  it('makes every event late', async () => {
    const client = await connect({ fault: parseFault('slow 40ms') as never });
    const started = performance.now();
    await client.messages.stream(prompt('say: hi')).finalMessage();
    expect(performance.now() - started).toBeGreaterThanOrEqual(6 * 40);
  });

  it('can be scripted request by request inside a test', async () => {
    const client = await connect({ faults: [parseFault('529'), undefined, parseFault('500')] });
    const statuses: number[] = [];
    for (let at = 0; at < 4; at += 1) {
      const { response } = await client.messages
        .create(prompt('say: hi'))
        .withResponse()
        .catch((error: unknown) => ({ response: { status: (error as { status: number }).status } }));
      statuses.push(response.status);
    }
    expect(statuses).toEqual([529, 200, 500, 200]);
  });
});

describe('the key', () => {
  it('must be the configured one', async () => {
    const client = await connect({ apiKey: 'right' }, { apiKey: 'wrong' });
    expect(await refusal(client.messages.create(prompt('say: hi')))).toMatchObject({
      status: 401,
      type: 'authentication_error',
    });
    const right = new Anthropic({ apiKey: 'right', baseURL: server.url, maxRetries: 0 });
    expect(textOf(await right.messages.create(prompt('say: hi')))).toBe('hi');
  });
});
