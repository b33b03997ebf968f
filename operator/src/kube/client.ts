import type { Readable } from 'node:stream';
import type { Desired, KubeObject, ObjectList, ObjectName } from './object.ts';
import type { Resource } from './resources.ts';

export interface RequestOptions {
  /** Ends the request; the promise rejects with the signal's reason, not with a {@link KubeError}. */
  signal?: AbortSignal;
  /** Milliseconds for the whole answer. Default: 15 000 (lists: 60 000). */
  timeout?: number;
  /**
   * Whether it gets a socket at once instead of waiting for one that the others have done with. For the lease: behind a burst of
   * a thousand workspaces its renewal waited for longer than it may take, and leadership was lost (2 cores, 2026-11).
   */
  urgent?: boolean;
}

export interface ListOptions extends RequestOptions {
  /** Absent: all namespaces. */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** Objects for one page. Default: 500. */
  pageSize?: number;
}

/** What must hold on the server; otherwise `ConflictError`. */
export interface Preconditions {
  uid?: string;
  resourceVersion?: string;
}

export interface WriteOptions extends RequestOptions, Preconditions {}

export interface DeleteOptions extends WriteOptions {
  /** Seconds; 0 kills at once. Default: what the object says. */
  gracePeriodSeconds?: number;
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
}

/** One line of a watch. A bookmark carries nothing but `metadata.resourceVersion` and annotations. */
export interface WatchEvent<T extends KubeObject> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  object: T;
}

export interface WatchOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** Where to go on; absent with `sendInitialEvents`: everything that exists comes first. */
  resourceVersion?: string;
  /** Stream what exists first, then a bookmark annotated `k8s.io/initial-events-end` (WatchList). */
  sendInitialEvents?: boolean;
  /** Seconds after which the server shall end the watch. */
  timeoutSeconds: number;
  /** Milliseconds without a single byte after which the stream counts as dead. */
  silence: number;
  signal: AbortSignal;
}

export interface RawRequest extends RequestOptions {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD';
  /** Path and query on the API server, escaped by the caller. */
  path: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
}

export interface RawResponse {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  /** Must be read to its end or destroyed. */
  body: Readable;
}

/**
 * The API server. Every method rejects with a {@link KubeError} of a type that says what to do. Reads are repeated a
 * few times on 429, 5xx and lost connections; writes never are: the caller looks again and decides anew.
 */
export interface KubeClient {
  get<T extends KubeObject>(of: Resource<T>, name: ObjectName, options?: RequestOptions): Promise<T>;
  /** All pages. A page whose continue token expired makes it start over. */
  list<T extends KubeObject>(of: Resource<T>, options?: ListOptions): Promise<ObjectList<T>>;
  /** As `list`, page by page, for those who keep less than whole objects. `GoneError`: start over. */
  pages<T extends KubeObject>(of: Resource<T>, options?: ListOptions): AsyncIterable<ObjectList<T>>;
  /** Rejects with `AlreadyExistsError` where the name is taken. */
  create<T extends KubeObject>(of: Resource<T>, object: Desired<T>, options?: RequestOptions): Promise<T>;
  /** Server-side apply under the client's field manager, forced: what the object states is so afterwards. */
  apply<T extends KubeObject>(of: Resource<T>, object: Desired<T>, options?: RequestOptions): Promise<T>;
  /** JSON merge patch of the object (not of its status): `null` removes a member. */
  patch<T extends KubeObject>(
    of: Resource<T>,
    name: ObjectName,
    patch: object,
    options?: WriteOptions,
  ): Promise<T>;
  /** JSON merge patch of `status` alone: `status` is the member's value. */
  patchStatus<T extends KubeObject>(
    of: Resource<T>,
    name: ObjectName,
    status: object,
    options?: WriteOptions,
  ): Promise<T>;
  /**
   * Server-side apply of `status` alone, forced: of its members the client's field manager owns those that are stated, and what it
   * stated before and does not any more goes away. Those of others stay. It makes no object.
   */
  applyStatus<T extends KubeObject>(
    of: Resource<T>,
    name: ObjectName,
    status: object,
    options?: RequestOptions & Pick<Preconditions, 'uid'>,
  ): Promise<T>;
  /** Replaces the object; `metadata.resourceVersion`, where it is given, is a precondition. */
  replace<T extends KubeObject>(of: Resource<T>, object: Desired<T>, options?: RequestOptions): Promise<T>;
  /** Resolves when the server has accepted it; the object may stay for finalizers and grace. */
  delete<T extends KubeObject>(of: Resource<T>, name: ObjectName, options?: DeleteOptions): Promise<void>;
  /**
   * Streams changes into `onEvent`, synchronously and in order, on a socket of its own. Resolves when the server ends
   * the stream; rejects with `GoneError` where the resourceVersion is too old (as HTTP status or as an ERROR event).
   */
  watch<T extends KubeObject>(
    of: Resource<T>,
    options: WatchOptions,
    onEvent: (event: WatchEvent<T>) => void,
  ): Promise<void>;
  /** Any request, with the answer as a stream and no status turned into an error: for the proxy to pods. */
  raw(request: RawRequest): Promise<RawResponse>;
  /** Ends idle connections; running requests are given up. */
  close(): Promise<void>;
}

/** Told of each answer. `code` is the HTTP status, or `error` where none came. */
export interface RequestObserver {
  observeRequest(request: { verb: string; resource: string; code: string; seconds: number }): void;
}
