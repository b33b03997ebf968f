import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { startModelServer } from '../../../../test/support/model-server/server.ts';
import { serve } from '../testing/serve.ts';
import { MessagesModel, type ModelRequest } from './model-client.ts';
import { ModelRefused, PatientModel } from './patient-model.ts';

/** Where to ask: a router, as often as it has an answer of its own, and then the provider. */
async function behindRouter(
  answers: { status: number; type: string; body: string }[],
): Promise<() => string> {
  const left = [...answers];
  const router = await serve((request, response) => {
    request.resume();
    const own = left.shift();
    response.writeHead(own?.status ?? 500, { 'content-type': own?.type }).end(own?.body);
  });
  const provider = await startModelServer();
  onTestFinished(() => provider.close());
  return () => (left.length > 0 ? router : provider.url);
}

const request: ModelRequest = {
  model: 'claude-scripted',
  system: 'You work.',
  tools: [],
  messages: [{ role: 'user', content: [{ type: 'text', text: 'say: here I am' }] }],
};

async function ask(url: () => string): Promise<{ said: unknown[]; failures: object[] }> {
  const model = new PatientModel(new MessagesModel(url, { read: async () => 'token' }), () => undefined);
  const failures: object[] = [];
  const answer = await model.answer(() => request, {
    signal: new AbortController().signal,
    onText: () => undefined,
    onFailure: (failure) => {
      failures.push(failure);
      // Its time to wait is not what is looked at.
      setImmediate(() => model.nudge());
    },
  });
  return { said: answer.content, failures };
}

beforeAll(() => import('./sdk.ts'));

it('is asked again where a router does not know, for the moment, where the provider is', async () => {
  const url = await behindRouter([
    { status: 404, type: 'text/plain', body: '404 page not found' },
    { status: 404, type: 'application/json', body: '' },
  ]);
  const { said, failures } = await ask(url);
  expect(said).toMatchObject([{ type: 'text', text: 'here I am' }]);
  expect(failures).toMatchObject([
    {
      reason: 'Unavailable',
      status: 404,
      message: '404 404 page not found: it was not the Messages API that answered',
    },
    {
      reason: 'Unavailable',
      status: 404,
      message: '404 status code (no body): it was not the Messages API that answered',
    },
  ]);
});

it('is not asked again for a model that the provider does not know', async () => {
  const body = JSON.stringify({
    type: 'error',
    error: { type: 'not_found_error', message: 'model: no-such' },
  });
  const url = await behindRouter([{ status: 404, type: 'application/json', body }]);
  await expect(ask(url)).rejects.toThrow(ModelRefused);
});
