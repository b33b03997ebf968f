import { connect } from 'node:net';
import Anthropic from '@anthropic-ai/sdk';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { answer as failing } from '../../../test/support/api-server/index.ts';
import { startModelServer } from '../../../test/support/model-server/server.ts';
import { key, ModelWorld, prompt, token } from './testing/model-world.ts';
import { inPieces, RawProvider, stream } from './testing/raw-provider.ts';

let here: ModelWorld;
beforeEach(async () => {
  here = await ModelWorld.open();
});
afterEach(() => here[Symbol.asyncDispose]());

type Refused = InstanceType<typeof Anthropic.APIError>;

/** How a call is refused, as the SDK has it. */
async function refusal(call: Promise<unknown>): Promise<Refused> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Anthropic.APIError) return error as Refused;
    throw error;
  }
  throw new Error('the call was answered');
}
const textOf = ({ content }: Anthropic.Message) =>
  content.map((block) => (block.type === 'text' ? block.text : '')).join('');
const settled = (accounts: object[]) => vi.waitFor(() => expect(here.accounts).toMatchObject(accounts));

describe('a workspace', () => {
  it('is answered, and what it used is counted', async () => {
    expect(textOf(await here.ask('say: hello'))).toBe('hello');
    await settled([
      {
        workspace: { namespace: 'team', name: 'home' },
        reservations: [],
        charges: [{ class: 'standard', calls: 1 }],
      },
    ]);
    const { totalTokens } = here.accounts[0] ?? {};
    expect(totalTokens).toBeGreaterThan(0);
    expect(here.world.audits).toMatchObject([
      {
        action: 'model',
        workspace: 'team/home',
        class: 'standard',
        model: 'scripted',
        provider: new URL(here.provider.url).host,
        outcome: 'answered',
        status: 200,
        usage: { outputTokens: expect.any(Number) },
      },
    ]);
    const text = await here.world.metrics.registry.metrics();
    expect(text).toContain('dormouse_gateway_model_requests_total{route="/v1/messages",code="200"} 1');
    expect(text).toMatch(/dormouse_gateway_model_tokens_total\{class="standard",kind="output"\} [1-9]/);
    expect(text).toContain(
      `dormouse_gateway_model_upstream_seconds_count{provider="${new URL(here.provider.url).host}",code="200"} 1`,
    );
  });

  it('leaves no key, no token and nothing of what was said in any line of the log', async () => {
    await here.ask('say: between us');
    await refusal(here.client('other-token').messages.create(prompt('say: between us')));
    const lines = JSON.stringify(here.world.lines);
    for (const secret of [key, token, 'other-token', 'between us']) expect(lines).not.toContain(secret);
  });

  it('is answered without a stream as well, and may count tokens for nothing', async () => {
    const answer = await here.client().messages.create(prompt('say: whole'));
    expect(textOf(answer)).toBe('whole');
    const { max_tokens: _, ...counted } = prompt('say: how long');
    expect((await here.client().messages.countTokens(counted)).input_tokens).toBeGreaterThan(0);
    await settled([{ charges: [{ calls: 1, outputTokens: answer.usage.output_tokens }], reservations: [] }]);
  });
});

describe('who is no workspace is refused', () => {
  const status = async (authorization: string | undefined) => {
    const { headers } = await here.fetch('/v1/messages', { headers: { authorization: authorization ?? '' } });
    return headers.get('x-dormouse-reason');
  };
  const by = async (bearer: string) => {
    const answer = await here.fetch('/v1/messages', { headers: { authorization: `Bearer ${bearer}` } });
    expect(answer.status).toBe(401);
    expect(((await answer.json()) as { error: { type: string } }).error.type).toBe('authentication_error');
  };

  it('without a token, or with one in another place', async () => {
    expect(await status(undefined)).toBe('Refused');
    const answer = await fetch(`${here.url}/v1/messages`, {
      method: 'POST',
      headers: { 'x-api-key': token },
    });
    expect(answer.status).toBe(401);
  });

  it('with a user’s token, and a workspace’s token is no user’s', async () => {
    await by('ada-token');
    expect((await here.world.fetch('agent/state', { token })).status).toBe(401);
  });

  it('with a token of its pod for another audience', async () => {
    here.mount('api-token', 'home', 'https://kubernetes.default.svc');
    await by('api-token');
  });

  it('with the token of a pod that is gone, at once, and of the one before under the same name', async () => {
    await here.ask('say: hello');
    here.world.put('Suspended');
    await vi.waitFor(() => by(token));
    here.world.put('Running');
    await by(token);
  });

  it('with the token of a pod that no workspace controls', async () => {
    const { objects } = here.world.api;
    const pod = { metadata: { namespace: 'team', name: 'stray' } };
    objects.put('api/v1/pods', 'team/stray', pod);
    here.mount('stray-token', 'stray');
    await by('stray-token');
    // Nor one that says that it is another workspace's.
    const uid = objects.get('apis/dormouse.dev/v1alpha1/agentworkspaces', 'team/home')?.metadata.uid;
    const owner = {
      apiVersion: 'dormouse.dev/v1alpha1',
      kind: 'AgentWorkspace',
      name: 'home',
      uid,
      controller: true,
    };
    objects.put('api/v1/pods', 'team/thief', {
      metadata: { ...pod.metadata, name: 'thief', ownerReferences: [owner] },
    } as never);
    here.mount('thief-token', 'thief');
    await by('thief-token');
  });

  it('and nothing of it reaches a provider', async () => {
    const provider = here.with(await RawProvider.open(inPieces([], 'end')));
    await here.putClass({ baseUrl: provider.url });
    await by('ada-token');
    expect(provider.received).toEqual([]);
    expect(here.accounts).toEqual([]);
  });
});

describe('a request that is none', () => {
  it.each([
    ['GET', '/v1/messages', 405],
    ['POST', '/v1/models', 405],
    ['GET', '/v1/models/', 404],
    ['GET', '/v1/models/a/b', 404],
    ['GET', '/v1/models/%2e%2e', 400],
    ['GET', '/v1/models/%ff', 404],
    ['POST', '/v1/messages/', 404],
    ['POST', '/v1//messages', 404],
    ['POST', '/v1/messages/batches', 404],
    ['POST', '/v1/%6dessages', 404],
    ['POST', '/v1/files/%2e%2e/messages', 400],
    ['POST', '/v1/messages%2fcount_tokens', 400],
    ['POST', '/v1/namespaces/team/workspaces/home/agent/state', 404],
  ])('%s %s is answered %d', async (method, path, status) => {
    const socket = await exchange(
      `${method} ${path} HTTP/1.1\r\nhost: g\r\nauthorization: Bearer ${token}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`,
    );
    expect(socket).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  });

  it('is told in the words of the API what is wrong with its body', async () => {
    const error = async (body: string) =>
      (await (await here.fetch('/v1/messages', { body })).json()) as object;
    expect(await error('{')).toMatchObject({ type: 'error', error: { type: 'invalid_request_error' } });
    expect(await error('{"model":"m"}')).toMatchObject({
      error: { message: expect.stringContaining('max_tokens') },
    });
  });

  it('is cut off where it is too large, declared or not', async () => {
    await using narrow = await ModelWorld.open({ DORMOUSE_MODEL_MAX_BODY: '1000' });
    const body = JSON.stringify(prompt(`say: ${'x'.repeat(2_000)}`));
    expect((await narrow.fetch('/v1/messages', { body })).status).toBe(413);
    const pieces = new ReadableStream({
      start(controller) {
        controller.enqueue(Buffer.from(body));
        controller.close();
      },
    });
    expect((await narrow.fetch('/v1/messages', { body: pieces, duplex: 'half' } as RequestInit)).status).toBe(
      413,
    );
  });

  it('is put off where the gateway has no memory for its body', async () => {
    await using narrow = await ModelWorld.open({ DORMOUSE_MODEL_BODIES: '50' });
    const answer = await narrow.fetch();
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('2');
  });

  it('has no more calls at a time than a workspace may have', async () => {
    await using narrow = await ModelWorld.open({ DORMOUSE_MODEL_CALLS_PER_WORKSPACE: '1' });
    const first = narrow.client().messages.stream(prompt('wait: 10\nsay: x'));
    const ended = first.finalMessage().catch(() => undefined);
    await first.emitted('streamEvent');
    expect((await narrow.fetch()).status).toBe(429);
    first.abort();
    await ended;
  });
});

describe('a body that does not come', () => {
  it('is given up with the gateway’s other calls, and nothing was asked', async () => {
    const socket = connect(here.world.modelPort, '127.0.0.1').on('error', () => undefined);
    socket.write(
      `POST /v1/messages HTTP/1.1\r\nhost: g\r\nauthorization: Bearer ${token}\r\ncontent-length: 100\r\n\r\n`,
    );
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    await vi.waitFor(() => expect(here.world.model.open).toBe(1));
    await here.world.model.drain(0);
    await vi.waitFor(() => expect(text).toMatch(/^HTTP\/1.1 503/));
    expect(here.accounts).toEqual([]);
  });
});

describe('the key of a provider', () => {
  it('is replaced without a restart, and soon', async () => {
    await here.ask('say: one');
    const second = await startModelServer({ apiKey: 'new-key' });
    here.with({ [Symbol.asyncDispose]: () => second.close() });
    await here.putClass({ baseUrl: second.url });
    here.putKey('new-key');
    here.world.forgetAnswers();
    expect(textOf(await here.ask('say: two'))).toBe('two');
  });

  it('that is missing is asked for by name, and counts when it is there', async () => {
    here.putKey(undefined);
    const error = await refusal(here.ask('say: hello'));
    expect(error.status).toBe(401);
    expect(error.headers?.get('x-dormouse-reason')).toBe('CredentialMissing');
    expect(error.apiMessage).toBe(
      'There is no Secret dormouse-system/provider with the key api-key: create it. AgentWorkspaceClass standard names it in spec.model.',
    );
    here.putKey(key);
    here.world.forgetAnswers();
    expect(textOf(await here.ask('say: there'))).toBe('there');
    // Nothing was asked the first time.
    await settled([{ charges: [{ calls: 1 }], reservations: [] }]);
  });

  it('that is refused is not shown again and again; a new one is tried at once', async () => {
    let asked = 0;
    const provider = here.with(
      await RawProvider.open((response, { headers }) => {
        asked += 1;
        if (headers.authorization === 'Bearer good')
          return inPieces([Buffer.from(stream())], 'end')(response, {} as never, '');
        response.writeHead(401, { 'content-type': 'application/json' });
        response.end('{"type":"error","error":{"type":"authentication_error","message":"invalid key."}}');
      }),
    );
    await here.putClass({ baseUrl: provider.url });
    const first = await refusal(here.ask('say: x'));
    expect(first.headers?.get('x-dormouse-reason')).toBeNull();
    const again = await refusal(here.ask('say: x'));
    expect(again.headers?.get('x-dormouse-reason')).toBe('CredentialRefused');
    expect(again.headers?.get('retry-after')).toBe('5');
    expect(again.apiMessage).toContain(
      '401 to the key api-key in Secret dormouse-system/provider: invalid key.',
    );
    expect(asked).toBe(1);
    here.putKey('good');
    here.world.forgetAnswers();
    await here.ask('say: x');
    expect(asked).toBe(2);
  });
});

describe('of several providers', () => {
  const second = async (options = {}) => {
    const server = await startModelServer({ apiKey: 'second-key', ...options });
    here.with({ [Symbol.asyncDispose]: () => server.close() });
    here.putKey('second-key', 'second');
    return { baseUrl: server.url, secretRef: { name: 'second', key: 'api-key' } };
  };

  it('the next one is asked where one cannot be reached, and from then on first', async () => {
    const gone = await startModelServer();
    await gone.close();
    await here.putClass({ baseUrl: gone.url, fallbacks: [await second()] });
    expect(textOf(await here.ask('say: one'))).toBe('one');
    expect(textOf(await here.ask('say: two'))).toBe('two');
    expect(here.world.audits.map(({ asked }) => asked)).toEqual([2, 1]);
    await settled([{ charges: [{ calls: 2 }], reservations: [] }]);
  });

  it.each(['429', '500', '529'])('the next one is asked where one answers %s', async (fault) => {
    const limited = here.with(
      await RawProvider.open((response) => void response.writeHead(Number(fault)).end('{}')),
    );
    await here.putClass({ baseUrl: limited.url, fallbacks: [await second()] });
    expect(textOf(await here.ask('say: next'))).toBe('next');
    expect(limited.received).toHaveLength(1);
  });

  it('each is shown its own key alone', async () => {
    const first = here.with(await RawProvider.open((response) => void response.writeHead(529).end('{}')));
    const last = here.with(await RawProvider.open(inPieces([Buffer.from(stream())], 'end')));
    here.putKey('second-key', 'second');
    await here.putClass({
      baseUrl: first.url,
      fallbacks: [{ baseUrl: last.url, secretRef: { name: 'second', key: 'api-key' } }],
    });
    await here.ask('say: x');
    expect(first.received[0]?.headers.authorization).toBe(`Bearer ${key}`);
    expect(last.received[0]?.headers.authorization).toBe('Bearer second-key');
    expect(last.received[0]?.body).toBe(first.received[0]?.body);
  });

  it('none is asked after an answer has begun: a cut stream is the client’s to repeat', async () => {
    const cut = here.with(await RawProvider.open(inPieces([Buffer.from(stream()).subarray(0, 500)], 'cut')));
    const last = here.with(await RawProvider.open(inPieces([Buffer.from(stream())], 'end')));
    await here.putClass({ baseUrl: cut.url, fallbacks: [{ baseUrl: last.url }] });
    await expect(here.ask('say: x')).rejects.toThrow();
    expect(last.received).toEqual([]);
  });

  it('the last one’s answer is heard, whatever it is', async () => {
    await here.putClass({
      baseUrl: here.provider.url,
      fallbacks: [await second({ faults: [{ kind: 'status', status: 529 }] })],
    });
    const headers = { 'x-model-server-fault': '529' };
    const error = await refusal(here.client().messages.create(prompt('say: x'), { headers }));
    expect(error.status).toBe(529);
    expect(error.headers?.get('x-dormouse-reason')).toBeNull();
  });

  it('a connection that died while it was idle is replaced', async () => {
    const used = new Set<unknown>();
    const provider = here.with(
      await RawProvider.open((response, request, body) => {
        // As a server that closes a connection at the moment at which it is used again.
        if (used.has(request.socket)) return void request.socket.destroy();
        used.add(request.socket);
        return inPieces([Buffer.from(stream())], 'end')(response, request, body);
      }),
    );
    await here.putClass({ baseUrl: provider.url });
    await here.ask('say: one');
    await here.ask('say: two');
    expect(provider.received).toHaveLength(3);
    expect(here.world.audits.map(({ status, asked }) => [status, asked])).toEqual([
      [200, 1],
      [200, 1],
    ]);
  });
});

describe('a limit', () => {
  it('of tokens ends the workspace’s day, in words that say what, whose and until when', async () => {
    await here.putClass({}, { maxTokensPerDay: 10 });
    await here.ask('say: the one that goes over it');
    await settled([{ reservations: [] }]);
    const error = await refusal(here.ask('say: no more'));
    expect(error.status).toBe(429);
    expect(error.type).toBe('rate_limit_error');
    expect(error.headers?.get('x-dormouse-reason')).toBe('TokenBudgetSpent');
    expect(error.headers?.get('x-should-retry')).toBe('false');
    expect(Number(error.headers?.get('retry-after'))).toBeLessThanOrEqual(86_400);
    expect(error.apiMessage).toMatch(
      /^AgentWorkspace team\/home may use 10 tokens a day .* and has used \d+\. It begins anew at \d{4}-\d\d-\d\dT00:00Z; or raise the limit\.$/,
    );
    expect(await here.world.metrics.registry.metrics()).toContain(
      'dormouse_gateway_model_refusals_total{reason="TokenBudgetSpent"} 1',
    );
  });

  it('that is reached stands in the status of the workspace at once', async () => {
    await here.putClass({}, { maxTokensPerDay: 10 });
    await here.ask('say: the one that goes over it');
    const home = () => here.world.api.objects.get('apis/dormouse.dev/v1alpha1/agentworkspaces', 'team/home');
    await vi.waitFor(() =>
      expect(home()?.status).toMatchObject({
        phase: 'Running',
        usage: { day: here.accounts[0]?.day, tokens: here.accounts[0]?.totalTokens, limit: 10 },
      }),
    );
    expect(here.accounts[0]?.totalTokens).toBeGreaterThan(10);
  });

  it('of the workspace itself counts where it is lower than its class’s', async () => {
    here.world.put('Running', 'Running', '', { agent: { maxTokensPerDay: 5 } });
    await here.world.shown('agentworkspaces', { namespace: 'team', name: 'home' });
    await here.putClass({}, { maxTokensPerDay: 1_000_000 });
    await here.ask('say: over the limit of the workspace');
    await settled([{ reservations: [] }]);
    expect((await refusal(here.ask('say: x'))).apiMessage).toContain('5 tokens a day');
  });

  it('of money is the class’s, by its prices', async () => {
    const prices = [{ model: 'scripted', input: '10', output: '1000' }];
    await here.putClass({ prices, maxCostPerDay: '0.001' });
    await here.ask('say: dear');
    await settled([{ reservations: [], charges: [{ cost: expect.any(Number) }] }]);
    expect(here.accounts[0]?.charges[0]?.cost).toBeGreaterThan(1_000);
    const error = await refusal(here.ask('say: x'));
    expect(error.headers?.get('x-dormouse-reason')).toBe('CostBudgetSpent');
    expect(error.apiMessage).toContain(
      'All workspaces of AgentWorkspaceClass standard may spend 0.001 a day',
    );
    expect((await refusal(here.ask('say: x', { model: 'unknown' }))).apiMessage).toContain(
      'no price for the model "unknown"',
    );
  });

  it('puts a call off while others under way may take what is left', async () => {
    await here.putClass({}, { maxTokensPerDay: 600 });
    const first = here.client().messages.stream(prompt('wait: 10\nsay: x'));
    const ended = first.finalMessage().catch(() => undefined);
    await first.emitted('streamEvent');
    const error = await refusal(here.ask('say: x'));
    expect(error.status).toBe(429);
    expect(error.headers?.get('x-dormouse-reason')).toBe('Refused');
    expect(error.headers?.get('retry-after')).toBe('5');
    first.abort();
    await ended;
  });
});

describe('the count', () => {
  it('of a stream that broke off is what came of it', async () => {
    const text = 'x'.repeat(300);
    const bytes = Buffer.from(stream({ text }));
    const provider = here.with(
      await RawProvider.open(inPieces([bytes.subarray(0, bytes.length / 2)], 'cut')),
    );
    await here.putClass({ baseUrl: provider.url });
    await expect(here.ask('say: x')).rejects.toThrow();
    await settled([
      { charges: [{ inputTokens: 100, cacheReadTokens: 20, cacheWriteTokens: 10 }], reservations: [] },
    ]);
    const output = here.accounts[0]?.charges[0]?.outputTokens ?? 0;
    expect(output).toBeGreaterThan(50);
    expect(output).toBeLessThan(200);
  });

  it('is on the record before a provider is asked; a gateway that dies then leaves it there', async () => {
    const provider = here.with(await RawProvider.open(() => undefined));
    await here.putClass({ baseUrl: provider.url });
    const call = here.client().messages.stream(prompt('say: x'));
    const ended = call.finalMessage().catch(() => undefined);
    await vi.waitFor(() => expect(provider.received).toHaveLength(1));
    expect(here.accounts).toMatchObject([{ charges: [], reservations: [{ outputTokens: 1024 }] }]);
    call.abort();
    await ended;
    // It may have been read: the most that its input can be is charged.
    await settled([{ reservations: [], charges: [{ calls: 1, outputTokens: 0 }] }]);
  });

  it('is nothing where the provider refused', async () => {
    const headers = { 'x-model-server-fault': '529' };
    await refusal(here.client().messages.create(prompt('say: x'), { headers }));
    await settled([{ totalTokens: 0, charges: [], reservations: [] }]);
  });

  it('of an answer that cannot be read is the most that it may be', async () => {
    const provider = here.with(
      await RawProvider.open((response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'br' });
        response.end('...');
      }),
    );
    await here.putClass({ baseUrl: provider.url });
    await here.fetch().then((answer) => answer.arrayBuffer().catch(() => undefined));
    await settled([{ reservations: [], charges: [{ outputTokens: 1024 }] }]);
  });

  it('fails closed: where it cannot be written, nothing is asked', async () => {
    const provider = here.with(await RawProvider.open(inPieces([Buffer.from(stream())], 'end')));
    await here.putClass({ baseUrl: provider.url });
    const refuse = {
      matches: ({ collection }: { collection: string }) => collection.endsWith('agentusages'),
    };
    here.world.api.misbehave({
      ...refuse,
      times: Number.POSITIVE_INFINITY,
      respond: failing(403, 'Forbidden'),
    });
    expect((await refusal(here.ask('say: x'))).status).toBe(500);
    expect(provider.received).toEqual([]);
  });
});

describe('a gateway that is stopped', () => {
  it('ends its calls when their time is over, and writes down what they came to', async () => {
    const call = here.client().messages.stream(prompt('wait: 20\nsay: x'));
    const ended = call.finalMessage().catch((error: unknown) => error);
    await call.emitted('streamEvent');
    await here.world.model.drain(10);
    expect(await ended).toBeInstanceOf(Error);
    expect(here.accounts).toMatchObject([{ reservations: [], charges: [{ calls: 1 }] }]);
  });
});

/** Sends bytes, and reads all that comes until the gateway closes the connection. */
async function exchange(text: string): Promise<string> {
  const chunks: Buffer[] = [];
  const socket = connect(here.world.modelPort, '127.0.0.1').on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.write(text);
  await new Promise((resolve) => socket.once('close', resolve));
  return Buffer.concat(chunks).toString();
}
