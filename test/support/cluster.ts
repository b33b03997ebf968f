import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Pool } from 'undici';
import { type Access, readKubeconfig } from './kubeconfig.ts';
import { type Output, run } from './program.ts';

/** Any object, or enough of one to find it. Namespaced kinds need `metadata.namespace`. */
export interface Reference {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
}

export interface KubernetesObject extends Reference {
  metadata: {
    name: string;
    namespace?: string;
    uid?: string;
    resourceVersion?: string;
    generation?: number;
    creationTimestamp?: string;
    deletionTimestamp?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    finalizers?: string[];
  };
}

/** The API server's refusal. `reason` is its word (`NotFound`, `Invalid`, `Conflict`, …), the message its sentence. */
export class ApiError extends Error {
  readonly status: number;
  readonly reason: string;
  constructor(status: number, reason: string, message: string) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.reason = reason;
  }
}

/**
 * Whether an error only says that the API server is away, as after a restart on purpose: connections break, it answers 5xx,
 * and once it is back it answers 403 to everybody until its authorizer has read the roles.
 */
export function isAway(error: unknown): boolean {
  if (error instanceof ApiError) return error.status >= 500 || error.status === 403;
  const { code, cause } = error as { code?: string; cause?: { code?: string } };
  return /^(ECONN|EPIPE|UND_ERR_)/.test(code ?? cause?.code ?? '');
}

export interface WriteOptions {
  /** Everything but the storing: validation, defaults, admission. */
  dryRun?: boolean;
  /** Field manager of a server-side apply. */
  manager?: string;
}

export function reference(apiVersion: string, kind: string, name: string, namespace?: string): Reference {
  return { apiVersion, kind, metadata: namespace === undefined ? { name } : { name, namespace } };
}

/** A small client of a real API server for tests: `await using cluster = connect()`. */
export class Cluster implements AsyncDisposable {
  readonly access: Access;
  readonly #pool: Pool;
  readonly #resources = new Map<string, Promise<Map<string, { plural: string; namespaced: boolean }>>>();

  constructor(access: Access) {
    this.access = access;
    const { ca, cert, key } = access;
    this.#pool = new Pool(new URL(access.server).origin, {
      connections: 16,
      allowH2: false,
      connect: { ca, cert, key },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.destroy();
  }

  /** Server-side apply; makes the object or brings it to this state. */
  apply<T extends KubernetesObject>(object: T, options: WriteOptions = {}): Promise<T> {
    const query = { ...dryRun(options), fieldManager: options.manager ?? 'dormouse-test', force: 'true' };
    return this.#write('PATCH', object, query, object, 'application/apply-patch+yaml');
  }

  async create<T extends KubernetesObject>(object: T, options: WriteOptions = {}): Promise<T> {
    const path = await this.#path(object, 'collection');
    return (await this.request('POST', path, { query: dryRun(options), body: object })) as T;
  }

  /** PUT: the whole object, as after `get` and a change; fails with `Conflict` on a stale resourceVersion. */
  replace<T extends KubernetesObject>(object: T, options: WriteOptions = {}): Promise<T> {
    return this.#write('PUT', object, dryRun(options), object);
  }

  /** JSON merge patch: `null` removes a field. */
  patch<T extends KubernetesObject = KubernetesObject>(
    target: Reference,
    change: object,
    options: WriteOptions & { subresource?: 'status' | 'scale' } = {},
  ): Promise<T> {
    return this.#write(
      'PATCH',
      target,
      dryRun(options),
      change,
      'application/merge-patch+json',
      options.subresource,
    );
  }

  /** The object, or undefined where there is none. */
  async get<T extends KubernetesObject = KubernetesObject>(target: Reference): Promise<T | undefined> {
    const path = await this.#path(target, 'object');
    return (await unlessNotFound(this.request('GET', path))) as T | undefined;
  }

  async list<T extends KubernetesObject = KubernetesObject>(
    apiVersion: string,
    kind: string,
    options: { namespace?: string; labelSelector?: string; fieldSelector?: string } = {},
  ): Promise<T[]> {
    const { namespace, ...query } = options;
    const path = await this.#path(
      reference(apiVersion, kind, '', namespace),
      'collection',
      namespace === undefined,
    );
    const answer = (await this.request('GET', path, { query })) as { items: T[] };
    return answer.items.map((item) => ({ ...item, apiVersion, kind }));
  }

  /** Asks for the deletion; no error where the object is gone already. {@link waitUntilGone} waits for the end. */
  async delete(
    target: Reference,
    options: { gracePeriodSeconds?: number; uid?: string } = {},
  ): Promise<void> {
    const path = await this.#path(target, 'object');
    const { uid, gracePeriodSeconds } = options;
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy: 'Background',
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
      ...(uid === undefined ? {} : { preconditions: { uid } }),
    };
    await unlessNotFound(this.request('DELETE', path, { body }));
  }

  /**
   * Waits until `holds` is true of the object, undefined standing for "there is none". Follows a watch, so it sees the
   * change some milliseconds after it happened. Throws with the last state when `limit` milliseconds are over.
   */
  async waitFor<T extends KubernetesObject>(
    target: Reference,
    what: string,
    holds: (object: T | undefined) => boolean,
    limit = 30_000,
  ): Promise<T | undefined> {
    const signal = AbortSignal.timeout(limit);
    let last: T | undefined;
    let away: unknown;
    while (!signal.aborted) {
      try {
        for await (const object of this.#states<T>(target, signal)) {
          last = object;
          if (holds(object)) return object;
        }
      } catch (error) {
        if (!signal.aborted && !isAway(error)) throw error;
        if (!signal.aborted) await pause(100); // a server that is away, restarted on purpose by some tests, comes back
        away = signal.aborted ? away : error;
      }
    }
    const { kind, metadata } = target;
    const seen = `last seen: ${JSON.stringify(last)}${away === undefined ? '' : `; last error: ${away}`}`;
    throw new Error(`${kind} ${metadata.name}: not "${what}" within ${limit} ms; ${seen}`);
  }

  async waitUntilGone(target: Reference, limit = 30_000): Promise<void> {
    await this.waitFor(target, 'gone', (object) => object === undefined, limit);
  }

  /** Events about one object, oldest first. */
  async events(
    target: Reference,
  ): Promise<{ type: string; reason: string; message: string; count: number }[]> {
    interface Event extends KubernetesObject {
      type: string;
      reason: string;
      message: string;
      count?: number;
      lastTimestamp?: string;
    }
    const fieldSelector = `involvedObject.kind=${target.kind},involvedObject.name=${target.metadata.name}`;
    const namespace = target.metadata.namespace ?? 'default';
    const events = await this.list<Event>('v1', 'Event', { namespace, fieldSelector });
    events.sort((a, b) =>
      (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? ''),
    );
    return events.map(({ type, reason, message, count = 1 }) => ({ type, reason, message, count }));
  }

  /** Runs a command in a container through kubectl, which must be on PATH. A non-zero exit is no error here. */
  exec(pod: Reference, container: string, command: string[], input?: string): Promise<Output> {
    const { name, namespace = 'default' } = pod.metadata;
    return this.kubectl(['exec', '-i', '-n', namespace, name, '-c', container, '--', ...command], input);
  }

  /** kubectl against this cluster. */
  kubectl(args: string[], input = ''): Promise<Output> {
    return run('kubectl', args, { input, env: { KUBECONFIG: this.access.file } });
  }

  /** A new namespace with a random suffix; `await using` deletes it. Does not wait for the deletion's end. */
  async namespace(
    prefix: string,
    labels: Record<string, string> = {},
  ): Promise<AsyncDisposable & { name: string }> {
    const name = `${prefix}-${randomBytes(3).toString('hex')}`;
    const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
    await this.create(object);
    return { name, [Symbol.asyncDispose]: () => this.delete(object) };
  }

  /** One raw request; the parsed JSON of the answer. Throws {@link ApiError}. */
  async request(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    options: { query?: Record<string, string>; body?: object; contentType?: string } = {},
  ): Promise<unknown> {
    const { statusCode, body } = await this.#pool.request({
      method,
      path,
      query: options.query ?? {},
      headers: this.#headers(options.contentType),
      body: options.body === undefined ? null : JSON.stringify(options.body),
    });
    const text = await body.text();
    if (statusCode < 300) return text.startsWith('{') ? JSON.parse(text) : text;
    throw refusal(statusCode, text);
  }

  #headers(contentType = 'application/json'): Record<string, string> {
    const { token } = this.access;
    return {
      'content-type': contentType,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
  }

  async #write<T>(
    method: 'PUT' | 'PATCH',
    target: Reference,
    query: Record<string, string>,
    body: object,
    contentType?: string,
    subresource?: string,
  ): Promise<T> {
    const path = await this.#path(target, 'object');
    const options = contentType === undefined ? { query, body } : { query, body, contentType };
    return (await this.request(
      method,
      subresource === undefined ? path : `${path}/${subresource}`,
      options,
    )) as T;
  }

  /** Objects of a kind as they are now, as `ADDED`, then every change, until the server or `signal` ends the watch. */
  async *watch<T extends KubernetesObject>(
    apiVersion: string,
    kind: string,
    options: { namespace: string; signal: AbortSignal },
  ): AsyncGenerator<{ type: string; object: T }> {
    const path = await this.#path(reference(apiVersion, kind, '', options.namespace), 'collection');
    const listed = (await this.request('GET', path)) as Listed<T>;
    for (const object of listed.items) yield { type: 'ADDED', object };
    yield* this.#changes<T>(path, { resourceVersion: listed.metadata.resourceVersion }, options.signal);
  }

  /** The state now, then each later one, until the server ends the watch. */
  async *#states<T extends KubernetesObject>(
    target: Reference,
    signal: AbortSignal,
  ): AsyncGenerator<T | undefined> {
    const path = await this.#path(target, 'collection');
    const fieldSelector = `metadata.name=${target.metadata.name}`;
    const listed = (await this.request('GET', path, { query: { fieldSelector } })) as Listed<T>;
    yield listed.items[0];
    const { resourceVersion } = listed.metadata;
    for await (const { type, object } of this.#changes<T>(path, { fieldSelector, resourceVersion }, signal))
      yield type === 'DELETED' ? undefined : object;
  }

  async *#changes<T extends KubernetesObject>(
    path: string,
    query: Record<string, string>,
    signal: AbortSignal,
  ): AsyncGenerator<{ type: string; object: T }> {
    const { statusCode, body } = await this.#pool.request({
      method: 'GET',
      path,
      query: { ...query, watch: 'true' },
      headers: this.#headers(),
      bodyTimeout: 0,
      signal,
    });
    if (statusCode >= 300) throw refusal(statusCode, await body.text());
    try {
      for await (const line of lines(body)) {
        const event = JSON.parse(line) as { type: string; object: T };
        if (event.type === 'ERROR') return; // as after 410: the caller lists again
        yield event;
      }
    } finally {
      body.destroy();
    }
  }

  async #path(target: Reference, of: 'object' | 'collection', everywhere = false): Promise<string> {
    const root = target.apiVersion.includes('/') ? `/apis/${target.apiVersion}` : `/api/${target.apiVersion}`;
    const { plural, namespaced } = await this.#resource(root, target.kind);
    const { name, namespace } = target.metadata;
    if (namespaced && !everywhere && namespace === undefined)
      throw new Error(`${target.kind} ${name}: no namespace`);
    const collection =
      namespaced && !everywhere ? `${root}/namespaces/${namespace}/${plural}` : `${root}/${plural}`;
    return of === 'object' ? `${collection}/${name}` : collection;
  }

  /** How the API server calls a kind; asked once a group, and again for a kind that was not there. */
  async #resource(root: string, kind: string): Promise<{ plural: string; namespaced: boolean }> {
    const known = (await this.#resources.get(root))?.get(kind);
    if (known !== undefined) return known;
    const asked = this.#discover(root);
    this.#resources.set(root, asked);
    const found = (await asked).get(kind);
    if (found === undefined)
      throw new ApiError(404, 'NotFound', `the API server knows no kind ${kind} in ${root}`);
    return found;
  }

  async #discover(root: string): Promise<Map<string, { plural: string; namespaced: boolean }>> {
    const answer = (await unlessNotFound(this.request('GET', root))) as
      | { resources: { name: string; kind: string; namespaced: boolean }[] }
      | undefined;
    const own = (answer?.resources ?? []).filter(({ name }) => !name.includes('/'));
    return new Map(own.map(({ name, kind, namespaced }) => [kind, { plural: name, namespaced }]));
  }
}

interface Listed<T> {
  metadata: { resourceVersion: string };
  items: T[];
}

/** A client of the cluster that KUBECONFIG names. */
export function connect(): Cluster {
  return new Cluster(readKubeconfig());
}

function dryRun(options: WriteOptions): Record<string, string> {
  return options.dryRun === true ? { dryRun: 'All' } : {};
}

function refusal(status: number, text: string): ApiError {
  const answer = text.startsWith('{')
    ? (JSON.parse(text) as { reason?: string; message?: string })
    : { message: text };
  return new ApiError(status, answer.reason ?? '', answer.message ?? text);
}

async function unlessNotFound(answer: Promise<unknown>): Promise<unknown> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

async function* lines(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = parts.pop() ?? '';
    yield* parts.filter((part) => part !== '');
  }
}
