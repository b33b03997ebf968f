import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { models } from './models.ts';
import { type ModelServer, startModelServer } from './server.ts';

let server: ModelServer;
beforeAll(async () => {
  server = await startModelServer({ apiKey: 'key' });
});
afterAll(() => server.close());

const headers = { 'x-api-key': 'key', 'anthropic-version': '2026-10-21' };

describe('the list of models', () => {
  it('comes in pages to the SDK, and one by its name', async () => {
    const client = new Anthropic({ apiKey: 'key', baseURL: server.url, maxRetries: 0 });
    const seen: unknown[] = [];
    for await (const each of client.models.list({ limit: 1 })) seen.push(each);
    expect(seen).toEqual(models);
    expect(await client.models.retrieve('scripted')).toMatchObject({ type: 'model', id: 'scripted' });
  });

  it('has the form of the API', async () => {
    const answer = await fetch(`${server.url}/v1/models?limit=2`, { headers });
    expect(await answer.json()).toEqual({
      data: models.slice(0, 2),
      has_more: true,
      first_id: models[0]?.id,
      last_id: models[1]?.id,
    });
    const back = await fetch(`${server.url}/v1/models?limit=1&before_id=${models[2]?.id}`, { headers });
    expect(await back.json()).toMatchObject({ data: [models[1]], has_more: true });
  });

  it.each<[string, string, Record<string, string>, number, string]>([
    ['without a key', '/v1/models', { 'x-api-key': '' }, 401, 'authentication_error'],
    ['with a wrong key', '/v1/models/scripted', { 'x-api-key': 'other' }, 401, 'authentication_error'],
    ['without a version', '/v1/models', { 'anthropic-version': '' }, 400, 'invalid_request_error'],
    ['of too many at a time', '/v1/models?limit=1001', {}, 400, 'invalid_request_error'],
    ['in an unknown order', '/v1/models?order=up', {}, 400, 'invalid_request_error'],
    ['after one that is not there', '/v1/models?after_id=x', {}, 404, 'not_found_error'],
    ['for one that is not there', '/v1/models/x', {}, 404, 'not_found_error'],
  ])('is not given %s', async (_name, path, more, status, type) => {
    const sent = Object.entries({ ...headers, ...more }).filter(([, value]) => value !== '');
    const answer = await fetch(server.url + path, { headers: Object.fromEntries(sent) });
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ type: 'error', error: { type } });
  });

  it('is not to be posted to', async () => {
    expect((await fetch(`${server.url}/v1/models`, { method: 'POST', headers })).status).toBe(405);
  });
});
