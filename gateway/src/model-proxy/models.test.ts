import type { APIError } from '@anthropic-ai/sdk';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { models } from '../../../test/support/model-server/models.ts';
import { key, ModelWorld, prompt } from './testing/model-world.ts';
import { RawProvider } from './testing/raw-provider.ts';

let here: ModelWorld;
beforeEach(async () => {
  here = await ModelWorld.open();
});
afterEach(() => here[Symbol.asyncDispose]());

const ask = (path: string) => here.fetch(path, { method: 'GET', body: null });
const listed = async () => {
  const ids: string[] = [];
  for await (const { id } of here.client().models.list({ limit: 1 })) ids.push(id);
  return ids;
};
/** How a call is refused, as the SDK has it. */
const refusal = (call: Promise<unknown>) =>
  call.then(
    () => expect.unreachable('the call was answered'),
    (error: unknown) => error as InstanceType<typeof APIError>,
  );

describe('the models that a workspace may use', () => {
  it('are those of the provider, byte by byte, and cost nothing', async () => {
    const headers = { 'x-api-key': key, 'anthropic-version': '2023-06-01' };
    for (const path of ['/v1/models?limit=2', '/v1/models/scripted']) {
      const direct = await fetch(here.provider.url + path, { headers });
      const through = await ask(path);
      expect(through.status).toBe(200);
      expect(await through.text()).toBe(await direct.text());
    }
    expect(await listed()).toEqual(models.map(({ id }) => id));
    expect(here.accounts).toEqual([]);
    expect(here.world.audits[0]).toMatchObject({
      action: 'model',
      workspace: 'team/home',
      class: 'standard',
      route: '/v1/models',
      provider: new URL(here.provider.url).host,
      outcome: 'answered',
      status: 200,
    });
    expect(here.world.audits[1]).toMatchObject({ route: '/v1/models/{id}', model: 'scripted' });
  });

  it('are asked for under the provider’s key, without a body', async () => {
    const provider = here.with(
      await RawProvider.open((response) => void response.end(JSON.stringify({ data: [] }))),
    );
    await here.putClass({ baseUrl: `${provider.url}/deep` });
    await (await ask('/v1/models/a%20b?beta=true')).text();
    const [got] = provider.received;
    expect(got).toMatchObject({ url: '/deep/v1/models/a%20b?beta=true', body: '' });
    expect(got?.headers).toMatchObject({ authorization: `Bearer ${key}` });
    expect(got?.headers).not.toHaveProperty('content-length');
  });

  it('are those that the class allows, where it names some', async () => {
    await here.putClass({ allowed: ['scripted', 'scripted-old', 'another'] });
    expect(await listed()).toEqual(['scripted', 'scripted-old']);
    const page = await (await ask('/v1/models?limit=1')).json();
    expect(page).toEqual({ data: [models[0]], has_more: true, first_id: 'scripted', last_id: 'scripted' });
    expect(await here.client().models.retrieve('scripted-old')).toMatchObject(models[2] as object);
  });

  it('are refused as the provider refuses, whether the class names some or not', async () => {
    here.putKey('wrong');
    here.world.forgetAnswers();
    await here.putClass({ allowed: ['scripted'] });
    expect((await refusal(here.client().models.list())).message).toContain('API key is invalid');
  });

  it('are not shown where the provider’s list cannot be read', async () => {
    const provider = here.with(await RawProvider.open((response) => void response.end('{"data":')));
    await here.putClass({ baseUrl: provider.url, allowed: ['scripted'] });
    const error = await refusal(here.client().models.list());
    expect(error).toMatchObject({ status: 502, type: 'api_error' });
    expect(error.message).toContain('no list of models');
  });
});

describe('a model that the class does not allow', () => {
  const message = 'AgentWorkspaceClass standard does not allow "scripted", but other (spec.model.allowed)';
  const { max_tokens: _, ...counted } = prompt('say: x');

  it.each([
    ['/v1/messages', () => here.ask('say: x')],
    ['/v1/messages/count_tokens', () => here.client().messages.countTokens(counted)],
    ['/v1/models/{id}', () => here.client().models.retrieve('scripted')],
  ])('is none, to %s, as soon as the class says so', async (route, call) => {
    await call();
    await vi.waitFor(() => expect(here.accounts.flatMap(({ reservations }) => reservations)).toEqual([]));
    const before = here.accounts;
    await here.putClass({ default: 'other', allowed: ['other'] });
    const error = await refusal(call());
    expect(error).toMatchObject({ status: 404, type: 'not_found_error' });
    expect(error.apiMessage).toContain(message);
    expect(error.headers?.get('x-dormouse-reason')).toBe('ModelNotAllowed');
    expect(here.world.audits.at(-1)).toMatchObject({
      route,
      model: 'scripted',
      outcome: 'ModelNotAllowed',
      status: 404,
      asked: 0,
    });
    expect(here.accounts).toEqual(before);
  });
});
