import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiServer, answer, cut, hang } from '../../../test/support/api-server/index.ts';
import type { Credentials } from './credentials.ts';
import {
  AlreadyExistsError,
  ConflictError,
  ForbiddenError,
  GoneError,
  InvalidError,
  KubeError,
  NotFoundError,
  ServerError,
  TooManyRequestsError,
  TransportError,
} from './errors.ts';
import { HttpKubeClient } from './http-client.ts';
import { pathOf, resources } from './resources.ts';

let server: ApiServer;
let client: HttpKubeClient;
let observed: string[];
let renewals: number;

beforeEach(async () => {
  server = new ApiServer();
  observed = [];
  renewals = 0;
  const credentials: Credentials = {
    server: await server.start(),
    proof: async (renew) => {
      if (renew) renewals++;
      return { tls: {}, headers: { authorization: `Bearer token-${renewals}` } };
    },
  };
  const observer = {
    observeRequest: ({ verb, resource, code }: { verb: string; resource: string; code: string }) =>
      observed.push(`${verb} ${resource} ${code}`),
  };
  client = new HttpKubeClient({ credentials, observer });
});

afterEach(async () => {
  await client.close();
  await server.close();
});

const ada = { namespace: 'team', name: 'ada' };

function secret(name: string) {
  return { metadata: { namespace: 'team', name }, data: { a: 'MQ==' } };
}

async function failure(promise: Promise<unknown>): Promise<KubeError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof KubeError)) throw new Error(`no KubeError but ${String(error)}`);
  return error;
}

describe('the client', () => {
  it('creates, reads, patches, applies, replaces and deletes', async () => {
    const created = await client.create(resources.secrets, secret('ada'));
    expect(created).toMatchObject({ apiVersion: 'v1', kind: 'Secret', data: { a: 'MQ==' } });
    await client.patch(resources.secrets, ada, { data: { a: null, b: 'Mg==' } });
    expect((await client.get(resources.secrets, ada)).data).toEqual({ b: 'Mg==' });
    await client.apply(resources.secrets, { ...secret('ada'), type: 'Opaque' });
    await client.patchStatus(resources.pods, ada, { phase: 'Running' }).catch((error: unknown) => {
      expect(error).toBeInstanceOf(NotFoundError);
    });
    const before = await client.get(resources.secrets, ada);
    await client.replace(resources.secrets, { ...before, data: { c: 'Mw==' } });
    await client.delete(resources.secrets, ada, { uid: before.metadata.uid as string });
    expect(await failure(client.get(resources.secrets, ada))).toBeInstanceOf(NotFoundError);
    const apply = server.requests.find((request) => request.headers['content-type']?.includes('apply'));
    expect(Object.fromEntries(apply?.query ?? [])).toEqual({ fieldManager: 'dormouse', force: 'true' });
  });

  it('sends preconditions with patches and deletes, so that nothing newer is touched', async () => {
    const { metadata } = await client.create(resources.secrets, secret('ada'));
    const old = { resourceVersion: metadata.resourceVersion as string };
    await client.patch(resources.secrets, ada, { metadata: { annotations: { x: 'y' } } }, old);
    for (const stale of [old, { uid: 'somebody-else' }]) {
      expect(await failure(client.patch(resources.secrets, ada, { data: {} }, stale))).toBeInstanceOf(
        ConflictError,
      );
      expect(await failure(client.patchStatus(resources.secrets, ada, {}, stale))).toBeInstanceOf(
        ConflictError,
      );
      expect(await failure(client.delete(resources.secrets, ada, stale))).toBeInstanceOf(ConflictError);
    }
    expect((await client.get(resources.secrets, ada)).metadata.annotations).toEqual({ x: 'y' });
  });

  it('applies a status under its own name, to the object that it means, and makes none', async () => {
    const { metadata } = await client.create(resources.secrets, secret('ada'));
    const uid = metadata.uid as string;
    await client.patchStatus(resources.secrets, ada, { phase: 'Running' });
    const after = await client.applyStatus(resources.secrets, ada, { usage: { tokens: 1 } }, { uid });
    expect(after).toMatchObject({ status: { phase: 'Running', usage: { tokens: 1 } } });
    const sent = server.requests.at(-1);
    expect(sent).toMatchObject({ method: 'PATCH', subresource: 'status' });
    expect(sent?.headers['content-type']).toBe('application/apply-patch+yaml');
    expect(Object.fromEntries(sent?.query ?? [])).toEqual({ fieldManager: 'dormouse', force: 'true' });
    expect(sent?.body).toEqual({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { ...ada, uid },
      status: { usage: { tokens: 1 } },
    });
    expect(
      await failure(client.applyStatus(resources.secrets, ada, {}, { uid: 'somebody-else' })),
    ).toBeInstanceOf(ConflictError);
    await client.delete(resources.secrets, ada);
    expect(await failure(client.applyStatus(resources.secrets, ada, {}, { uid }))).toBeInstanceOf(
      NotFoundError,
    );
  });

  it('lists all pages, and starts over when the token expires underway', async () => {
    for (let n = 0; n < 7; n++) await client.create(resources.secrets, secret(`s${n}`));
    server.misbehave({
      matches: (request) => request.query.has('continue'),
      respond: answer(410, 'Expired'),
    });
    const { items, resourceVersion } = await client.list(resources.secrets, { pageSize: 3 });
    expect(items.map((item) => item.metadata.name)).toEqual(['s0', 's1', 's2', 's3', 's4', 's5', 's6']);
    expect(Number(resourceVersion)).toBeGreaterThan(100);
    expect(server.requests.filter((request) => request.method === 'GET')).toHaveLength(5);
  });

  it.each([
    [404, 'NotFound', NotFoundError],
    [409, 'Conflict', ConflictError],
    [409, 'AlreadyExists', AlreadyExistsError],
    [410, 'Expired', GoneError],
    [401, 'Unauthorized', ForbiddenError],
    [403, 'Forbidden', ForbiddenError],
    [400, 'BadRequest', InvalidError],
    [422, 'Invalid', InvalidError],
    [429, 'TooManyRequests', TooManyRequestsError],
    [500, 'InternalError', ServerError],
    [503, 'ServiceUnavailable', ServerError],
  ])('turns %i %s into an error with a meaning', async (code, reason, type) => {
    server.misbehave({ times: 2, respond: answer(code, reason) });
    const error = await failure(client.create(resources.secrets, secret('ada')));
    expect(error).toBeInstanceOf(type);
    expect(error.message).toBe(`create secrets team/ada: injected ${code}`);
    expect(error.retryable).toBe(code === 429 || code >= 500);
    expect(observed).toEqual([`create secrets ${code}`]);
  });

  it('repeats reads on 429, 500 and a lost connection, and never a write', async () => {
    await client.create(resources.secrets, secret('ada'));
    const reads = { matches: (request: { method: string }) => request.method === 'GET' };
    server.misbehave({ ...reads, respond: answer(429, 'TooManyRequests', { 'retry-after': '0' }) });
    server.misbehave({ ...reads, respond: answer(500) });
    server.misbehave({ ...reads, respond: cut });
    expect((await client.get(resources.secrets, ada)).metadata.name).toBe('ada');
    expect(observed.slice(1)).toEqual([
      'get secrets 429',
      'get secrets 500',
      'get secrets error',
      'get secrets 200',
    ]);
    server.misbehave({ respond: cut });
    const writes = server.requests.length;
    expect(await failure(client.patch(resources.secrets, ada, {}))).toBeInstanceOf(TransportError);
    expect(server.requests).toHaveLength(writes + 1);
  });

  it('hands a long retry-after to the caller instead of waiting', async () => {
    server.misbehave({ respond: answer(429, 'TooManyRequests', { 'retry-after': '30' }) });
    const error = await failure(client.get(resources.secrets, ada));
    expect(error).toBeInstanceOf(TooManyRequestsError);
    expect((error as TooManyRequestsError).retryAfter).toBe(30_000);
  });

  it('gives up on a server that does not answer', async () => {
    server.misbehave({ times: 9, respond: hang });
    const error = await failure(client.create(resources.secrets, secret('ada'), { timeout: 30 }));
    expect(error).toBeInstanceOf(TransportError);
    expect(error.message).toContain('no whole answer within 30 ms');
  });

  it('ends a request with its signal and its reason', async () => {
    server.misbehave({ respond: hang });
    const controller = new AbortController();
    const reason = new Error('leadership lost');
    const request = client.get(resources.secrets, ada, { signal: controller.signal });
    controller.abort(reason);
    await expect(request).rejects.toBe(reason);
  });

  it('asks for new credentials once when they are refused', async () => {
    await client.create(resources.secrets, secret('ada'));
    server.misbehave({ respond: answer(401, 'Unauthorized') });
    expect((await client.get(resources.secrets, ada)).metadata.name).toBe('ada');
    expect(renewals).toBe(1);
    expect(server.requests.at(-1)?.headers.authorization).toBe('Bearer token-1');
  });

  it('does not take what is not JSON for an object', async () => {
    server.misbehave({ times: 9, respond: (response) => response.end('<html>') });
    expect(await failure(client.get(resources.secrets, ada))).toBeInstanceOf(TransportError);
  });

  it('uses connections again', async () => {
    for (let n = 0; n < 50; n++) await client.create(resources.secrets, secret(`s${n}`));
    // A second one: the next request comes before the pool has noticed that the first socket is free again.
    expect(server.connections).toBeLessThanOrEqual(2);
  });

  it('keeps requests going while watches hold their own sockets', async () => {
    const stopping = new AbortController();
    const watches = Array.from({ length: 40 }, () =>
      client
        .watch(
          resources.pods,
          { sendInitialEvents: true, timeoutSeconds: 60, silence: 5000, signal: stopping.signal },
          () => undefined,
        )
        .catch((error: unknown) => error),
    );
    await expect.poll(() => server.openWatches).toBe(40);
    await client.create(resources.secrets, secret('ada'));
    stopping.abort(new Error('done'));
    for (const end of await Promise.all(watches)) expect((end as Error).message).toBe('done');
  });

  it('lets what is urgent through while every socket that requests share waits for an answer', async () => {
    const stopping = new AbortController();
    const { signal } = stopping;
    server.misbehave({ times: 40, matches: ({ path }) => path.includes('/secrets'), respond: hang });
    const waiting = Array.from({ length: 40 }, (_, n) =>
      client
        .create(resources.secrets, secret(`s${n}`), { signal, timeout: 60_000 })
        .catch((error: unknown) => error),
    );
    await expect.poll(() => server.connections).toBe(32);
    const lease = { metadata: ada, spec: { holderIdentity: 'me' } };
    const made = await client.create(resources.leases, lease, { urgent: true });
    expect(made.spec?.holderIdentity).toBe('me');
    stopping.abort(new Error('done'));
    for (const end of await Promise.all(waiting)) expect((end as Error).message).toBe('done');
  });

  it('streams raw answers without judging them', async () => {
    server.misbehave({
      respond: (response) => {
        response.writeHead(418, { 'x-pot': 'tea' });
        response.end('short and stout');
      },
    });
    const answer = await client.raw({
      method: 'GET',
      path: '/api/v1/namespaces/team/pods/ada:7070/proxy/v1/state',
    });
    expect([answer.status, answer.headers['x-pot']]).toEqual([418, 'tea']);
    expect(Buffer.concat(await answer.body.toArray()).toString()).toBe('short and stout');
  });
});

describe('paths', () => {
  it('escape what is not a plain name', () => {
    expect(pathOf(resources.pods, { namespace: 'a/../b', name: 'x?y' })).toBe(
      '/api/v1/namespaces/a%2F..%2Fb/pods/x%3Fy',
    );
    expect(() => pathOf(resources.pods, { namespace: '..', name: 'x' })).toThrow('not a name');
    expect(() => pathOf(resources.pods, { name: 'x' })).toThrow('a namespace is needed');
    expect(pathOf(resources.classes, { name: 'standard' })).toBe(
      '/apis/dormouse.dev/v1alpha1/agentworkspaceclasses/standard',
    );
  });
});
