import type {
  DeleteOptions,
  KubeClient,
  ListOptions,
  Preconditions,
  RawRequest,
  RawResponse,
  RequestObserver,
  RequestOptions,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from './client.ts';
import { type Clock, systemClock } from './clock.ts';
import { Connection } from './connection.ts';
import type { Credentials } from './credentials.ts';
import { GoneError, TransportError } from './errors.ts';
import type { Desired, KubeObject, ObjectList, ObjectName } from './object.ts';
import { Requester } from './requester.ts';
import { apiVersionOf, pathOf, type Resource } from './resources.ts';
import { readWatch } from './watch.ts';

/** Milliseconds for one page of a list, and until the first byte of a raw answer. */
const listTimeout = 60_000;
const rawTimeout = 15_000;
const defaultPageSize = 500;
/** Beginnings of a list whose continue token expired underway. */
const listAttempts = 4;

/** JSON is YAML; the server refuses apply patches under a JSON content type. */
const applyPatch = 'application/apply-patch+yaml';

export interface HttpKubeClientOptions {
  credentials: Credentials;
  observer?: RequestObserver;
  clock?: Clock;
  /** As the API server's audit log shows it. */
  userAgent?: string;
  /** Who the API server says owns the fields that this client writes. Default: `dormouse`. */
  fieldManager?: string;
}

/** {@link KubeClient} over HTTP/1.1 with undici. */
export class HttpKubeClient implements KubeClient {
  readonly #connection: Connection;
  readonly #requester: Requester;
  readonly #userAgent: string;
  readonly #fieldManager: string;

  constructor({
    credentials,
    observer,
    clock = systemClock,
    userAgent = 'dormouse-operator',
    fieldManager = 'dormouse',
  }: HttpKubeClientOptions) {
    this.#connection = new Connection(credentials);
    this.#requester = new Requester(this.#connection, clock, userAgent, observer);
    this.#userAgent = userAgent;
    this.#fieldManager = fieldManager;
  }

  get<T extends KubeObject>(of: Resource<T>, name: ObjectName, options?: RequestOptions): Promise<T> {
    return this.#requester.json<T>({
      verb: 'get',
      of,
      name,
      method: 'GET',
      path: pathOf(of, name),
      options,
      idempotent: true,
    });
  }

  async list<T extends KubeObject>(of: Resource<T>, options?: ListOptions): Promise<ObjectList<T>> {
    for (let attempt = 1; ; attempt++) {
      try {
        const whole: ObjectList<T> = { resourceVersion: '', items: [] };
        for await (const page of this.pages(of, options)) {
          whole.resourceVersion = page.resourceVersion;
          for (const item of page.items) whole.items.push(item);
        }
        return whole;
      } catch (error) {
        if (!(error instanceof GoneError) || attempt === listAttempts) throw error;
      }
    }
  }

  async *pages<T extends KubeObject>(
    of: Resource<T>,
    options: ListOptions = {},
  ): AsyncGenerator<ObjectList<T>> {
    let continueAt: string | undefined;
    do {
      const page: { metadata?: { resourceVersion?: string; continue?: string }; items?: T[] | null } =
        await this.#requester.json({
          verb: 'list',
          of,
          method: 'GET',
          path: pathOf(of, options.namespace === undefined ? {} : { namespace: options.namespace }),
          query: {
            labelSelector: options.labelSelector,
            fieldSelector: options.fieldSelector,
            limit: String(options.pageSize ?? defaultPageSize),
            continue: continueAt,
          },
          options: { timeout: listTimeout, ...options },
          idempotent: true,
        });
      continueAt = page.metadata?.continue || undefined;
      yield { resourceVersion: page.metadata?.resourceVersion ?? '', items: page.items ?? [] };
    } while (continueAt !== undefined);
  }

  create<T extends KubeObject>(of: Resource<T>, object: Desired<T>, options?: RequestOptions): Promise<T> {
    const { namespace } = object.metadata;
    if (of.namespaced && namespace === undefined)
      throw new TypeError(`create ${of.kind}: a namespace is needed`);
    return this.#requester.json<T>({
      verb: 'create',
      of,
      name: object.metadata,
      method: 'POST',
      path: pathOf(of, namespace === undefined ? {} : { namespace }),
      query: { fieldManager: this.#fieldManager },
      body: typed(of, object),
      options,
    });
  }

  apply<T extends KubeObject>(of: Resource<T>, object: Desired<T>, options?: RequestOptions): Promise<T> {
    return this.#requester.json<T>({
      verb: 'apply',
      of,
      name: object.metadata,
      method: 'PATCH',
      path: pathOf(of, object.metadata),
      query: { fieldManager: this.#fieldManager, force: 'true' },
      contentType: applyPatch,
      body: typed(of, object),
      options,
    });
  }

  patch<T extends KubeObject>(
    of: Resource<T>,
    name: ObjectName,
    patch: object,
    options?: WriteOptions,
  ): Promise<T> {
    return this.#requester.json<T>({
      verb: 'patch',
      of,
      name,
      method: 'PATCH',
      path: pathOf(of, name),
      query: { fieldManager: this.#fieldManager },
      contentType: 'application/merge-patch+json',
      body: withPreconditions(patch, options),
      options,
    });
  }

  patchStatus<T extends KubeObject>(
    of: Resource<T>,
    name: ObjectName,
    status: object,
    options?: WriteOptions,
  ): Promise<T> {
    return this.#requester.json<T>({
      verb: 'patchStatus',
      of,
      name,
      method: 'PATCH',
      path: pathOf(of, { ...name, subresource: 'status' }),
      query: { fieldManager: this.#fieldManager },
      contentType: 'application/merge-patch+json',
      body: withPreconditions({ status }, options),
      options,
    });
  }

  applyStatus<T extends KubeObject>(
    of: Resource<T>,
    { namespace, name }: ObjectName,
    status: object,
    options?: RequestOptions & Pick<Preconditions, 'uid'>,
  ): Promise<T> {
    const metadata = { ...(namespace !== undefined && { namespace }), name };
    return this.#requester.json<T>({
      verb: 'applyStatus',
      of,
      name: metadata,
      method: 'PATCH',
      path: pathOf(of, { ...metadata, subresource: 'status' }),
      query: { fieldManager: this.#fieldManager, force: 'true' },
      contentType: applyPatch,
      body: {
        ...withPreconditions({ metadata, status }, options),
        apiVersion: apiVersionOf(of),
        kind: of.kind,
      },
      options,
    });
  }

  replace<T extends KubeObject>(of: Resource<T>, object: Desired<T>, options?: RequestOptions): Promise<T> {
    return this.#requester.json<T>({
      verb: 'update',
      of,
      name: object.metadata,
      method: 'PUT',
      path: pathOf(of, object.metadata),
      query: { fieldManager: this.#fieldManager },
      body: typed(of, object),
      options,
    });
  }

  async delete<T extends KubeObject>(
    of: Resource<T>,
    name: ObjectName,
    options: DeleteOptions = {},
  ): Promise<void> {
    const { uid, resourceVersion, gracePeriodSeconds, propagationPolicy } = options;
    await this.#requester.json({
      verb: 'delete',
      of,
      name,
      method: 'DELETE',
      path: pathOf(of, name),
      body: {
        kind: 'DeleteOptions',
        apiVersion: 'v1',
        ...(gracePeriodSeconds !== undefined && { gracePeriodSeconds }),
        ...(propagationPolicy !== undefined && { propagationPolicy }),
        ...((uid !== undefined || resourceVersion !== undefined) && {
          preconditions: { uid, resourceVersion },
        }),
      },
      options,
    });
  }

  async watch<T extends KubeObject>(
    of: Resource<T>,
    options: WatchOptions,
    onEvent: (event: WatchEvent<T>) => void,
  ): Promise<void> {
    const what = `watch ${of.plural}`;
    const query = {
      watch: 'true',
      allowWatchBookmarks: 'true',
      labelSelector: options.labelSelector,
      fieldSelector: options.fieldSelector,
      resourceVersion: options.resourceVersion,
      ...(options.sendInitialEvents && { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' }),
      timeoutSeconds: String(options.timeoutSeconds),
    };
    const path = pathOf(of, options.namespace === undefined ? {} : { namespace: options.namespace });
    const response = await this.#requester.stream(what, { verb: 'watch', of, path, query }, options);
    await readWatch(what, response.body, options.signal, onEvent);
  }

  async raw(request: RawRequest): Promise<RawResponse> {
    const { signal, body, headers } = request;
    try {
      const response = await this.#connection.send({
        method: request.method,
        path: request.path,
        headers: { 'user-agent': this.#userAgent, ...headers },
        ...(body !== undefined && { body }),
        ...(signal !== undefined && { signal }),
        headersTimeout: request.timeout ?? rawTimeout,
        bodyTimeout: 0,
        apart: true,
      });
      return { status: response.statusCode, headers: response.headers, body: response.body };
    } catch (error) {
      signal?.throwIfAborted();
      throw new TransportError(`${request.method} ${request.path}: ${(error as Error).message}`, error);
    }
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}

function typed<T extends KubeObject>(of: Resource<T>, object: Desired<T>): object {
  return { ...object, apiVersion: apiVersionOf(of), kind: of.kind };
}

function withPreconditions(patch: object, preconditions: WriteOptions | undefined): object {
  const { uid, resourceVersion } = preconditions ?? {};
  if (uid === undefined && resourceVersion === undefined) return patch;
  const metadata = (patch as { metadata?: object }).metadata;
  return {
    ...patch,
    metadata: {
      ...metadata,
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
    },
  };
}
