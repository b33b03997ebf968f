import {
  type Clock,
  delay,
  ForbiddenError,
  GoneError,
  InvalidError,
  type KubeClient,
  type KubeObject,
  keyOf,
  NotFoundError,
  type ObjectName,
  type Resource,
  ServerError,
  systemClock,
  TooManyRequestsError,
  TransportError,
  type WatchEvent,
} from '../kube/index.ts';
import type { Logger } from '../telemetry/log.ts';
import { IndexedStore } from './indexed-store.ts';
import type { Change, Informer, InformerOptions, Listener, WatchObserver } from './informer.ts';

/** Everything an informer needs from outside. */
export interface InformerSurroundings {
  client: KubeClient;
  log: Logger;
  observer?: WatchObserver;
  clock?: Clock;
  /** 0 ≤ x < 1. */
  random?: () => number;
}

/** Milliseconds. The API server sends a bookmark each minute (up to 75 s); more silence means a dead stream. */
const longestSilence = 120_000;
/** Seconds: the server ends each watch between one and two times this, so that watches spread over its replicas. */
const watchSeconds = 300;
const firstBackoff = 100;
const longestBackoff = 30_000;
/** Milliseconds that a server is obeyed when it asks for patience. */
const longestRetryAfter = 60_000;
/** Milliseconds: a watch that lived so long shows that the last trouble is over. */
const healthyAfter = 5_000;
/** Milliseconds after which a kind that the cluster does not have is looked for again. */
const lookAgain = 30_000;

const initialEventsEnd = 'k8s.io/initial-events-end';

/**
 * An {@link Informer} by WatchList: one request streams what exists, a bookmark, and then every change. Where the server
 * refuses that, a paged list and a watch from there. A lost stream goes on at its last resourceVersion; where that is
 * too old, everything is streamed again and what did not come back counts as deleted.
 */
export class WatchInformer<T extends KubeObject, C extends KubeObject> implements Informer<C> {
  readonly resource: Resource<KubeObject>;
  readonly synced: Promise<void>;
  readonly #options: InformerOptions<T, C>;
  readonly #client: KubeClient;
  readonly #log: Logger;
  readonly #observer: WatchObserver | undefined;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #store: IndexedStore<C>;
  readonly #listeners = new Set<Listener<C>>();
  readonly #stopping = new AbortController();
  readonly #settle: { resolve: () => void; reject: (reason: Error) => void };
  #hasSynced = false;
  #installed = true;
  #running: Promise<void> | undefined;
  /** Where the next watch goes on; undefined: everything anew. */
  #resourceVersion: string | undefined;
  /** While everything is streamed anew: the keys that came so far. */
  #seen: Set<string> | undefined;
  #watchList = true;
  #failures = 0;
  #lastHeard: number;

  constructor(options: InformerOptions<T, C>, surroundings: InformerSurroundings) {
    this.resource = options.resource;
    this.#options = options;
    this.#client = surroundings.client;
    this.#log = surroundings.log.child({ resource: options.resource.plural });
    this.#observer = surroundings.observer;
    this.#clock = surroundings.clock ?? systemClock;
    this.#random = surroundings.random ?? Math.random;
    this.#store = new IndexedStore(options.indexes);
    this.#lastHeard = this.#clock.monotonic();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.synced = promise;
    this.#settle = { resolve, reject };
    // Nobody may be waiting when it is stopped early, and that is no error of the process.
    promise.catch((reason: Error) => this.#log.debug({ reason: reason.message }, 'informer ended early'));
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  get installed(): boolean {
    return this.#installed;
  }

  get size(): number {
    return this.#store.size;
  }

  get silence(): number {
    return this.#clock.monotonic() - this.#lastHeard;
  }

  get(name: ObjectName): C | undefined {
    return this.#store.get(name);
  }

  list(): C[] {
    return this.#store.list();
  }

  ofWorkspace(workspace: ObjectName): C[] {
    return this.#store.ofWorkspace(workspace);
  }

  by(index: string, value: string): C[] {
    return this.#store.by(index, value);
  }

  subscribe(listener: Listener<C>): () => void {
    this.#listeners.add(listener);
    for (const object of this.#store.list()) this.#tell(listener, { type: 'added', object, initial: true });
    return () => this.#listeners.delete(listener);
  }

  start(): void {
    if (this.#stopping.signal.aborted) throw new Error('an informer cannot be started again');
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    this.#listeners.clear();
    this.#settle.reject(new Error(`${this.resource.plural}: stopped before the first listing was complete`));
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const started = this.#clock.monotonic();
      let failure: unknown;
      try {
        await this.#listAndWatch();
      } catch (error) {
        failure = error;
      }
      if (signal.aborted) return;
      const anew = this.#seen !== undefined;
      this.#seen = undefined;
      if (this.#options.optional && failure instanceof NotFoundError) {
        this.#missing();
        await delay(this.#clock, lookAgain, signal);
        continue;
      }
      this.#lastHeard = this.#clock.monotonic();
      if (this.#lastHeard - started >= healthyAfter) this.#failures = 0;
      const reason = failure === undefined ? 'closed' : reasonOf(failure);
      this.#observer?.watchRestarted(this.resource.plural, reason);
      await delay(this.#clock, this.#recover(reason, failure, anew), signal);
    }
  }

  /** The cluster does not have the kind, so there is nothing of it. */
  #missing(): void {
    if (this.#installed) this.#log.info('the cluster does not have this kind');
    this.#installed = false;
    this.#lastHeard = this.#clock.monotonic();
    this.#seen = new Set();
    this.#complete(undefined);
  }

  /** Sets where to go on, and says in how many milliseconds. */
  #recover(reason: string, failure: unknown, anew: boolean): number {
    if (failure instanceof GoneError || failure instanceof InvalidError) this.#resourceVersion = undefined;
    if (failure instanceof InvalidError && anew && this.#watchList) {
      this.#log.info({ error: failure.message }, 'no WatchList here, listing in pages');
      this.#watchList = false;
      return 0;
    }
    const wait = this.#backoff(failure);
    // A server ends each watch now and then, and expires old versions: both are everyday life.
    const level = failure === undefined || failure instanceof GoneError ? 'debug' : 'warn';
    const error = failure instanceof Error ? failure.message : undefined;
    this.#log[level]({ reason, error, wait, failures: this.#failures }, 'watch restarts');
    return wait;
  }

  #backoff(failure: unknown): number {
    const exponential = Math.min(longestBackoff, firstBackoff * 2 ** this.#failures);
    // A stream that ended by itself is opened again at once, unless streams keep ending young.
    const first = this.#failures === 0 && (failure === undefined || failure instanceof GoneError);
    this.#failures = Math.min(this.#failures + 1, 20);
    const jittered = first ? 0 : exponential * (0.5 + this.#random() / 2);
    const asked =
      failure instanceof TooManyRequestsError || failure instanceof ServerError
        ? failure.retryAfter
        : undefined;
    return Math.max(jittered, Math.min(asked ?? 0, longestRetryAfter));
  }

  async #listAndWatch(): Promise<void> {
    if (this.#resourceVersion === undefined && !this.#watchList) await this.#listPages();
    const anew = this.#resourceVersion === undefined;
    if (anew) this.#seen = new Set();
    await this.#client.watch<T>(
      this.#options.resource,
      {
        ...this.#scope(),
        ...(anew ? { sendInitialEvents: true } : { resourceVersion: this.#resourceVersion as string }),
        timeoutSeconds: Math.round(watchSeconds * (1 + this.#random())),
        silence: longestSilence,
        signal: this.#stopping.signal,
      },
      (event) => this.#receive(event),
    );
    // Ended before everything had come: the next try must begin at the beginning, after a pause.
    if (this.#seen !== undefined)
      throw new TransportError('the stream ended before the listing was complete');
  }

  #scope(): { namespace?: string; labelSelector?: string; fieldSelector?: string } {
    const { namespace, labelSelector, fieldSelector } = this.#options;
    return {
      ...(namespace !== undefined && { namespace }),
      ...(labelSelector !== undefined && { labelSelector }),
      ...(fieldSelector !== undefined && { fieldSelector }),
    };
  }

  async #listPages(): Promise<void> {
    this.#seen = new Set();
    let resourceVersion = '';
    const options = { ...this.#scope(), signal: this.#stopping.signal };
    for await (const page of this.#client.pages<T>(this.#options.resource, options)) {
      for (const item of page.items) this.#keep(item);
      resourceVersion = page.resourceVersion;
      this.#lastHeard = this.#clock.monotonic();
    }
    this.#complete(resourceVersion);
  }

  #receive(event: WatchEvent<T>): void {
    this.#lastHeard = this.#clock.monotonic();
    const { metadata } = event.object;
    if (event.type === 'BOOKMARK') {
      if (this.#seen === undefined) this.#resourceVersion = metadata.resourceVersion;
      else if (metadata.annotations?.[initialEventsEnd] === 'true') this.#complete(metadata.resourceVersion);
      return;
    }
    if (event.type === 'DELETED') this.#drop(keyOf(metadata), this.#project(event.object));
    else this.#keep(event.object);
    // The first events of a WatchList come in no order of version: only its bookmark says where to go on.
    if (this.#seen === undefined) this.#resourceVersion = metadata.resourceVersion;
  }

  /** Everything that exists has come: what is cached and did not come is gone. */
  #complete(resourceVersion: string | undefined): void {
    const seen = this.#seen;
    this.#seen = undefined;
    this.#resourceVersion = resourceVersion;
    if (resourceVersion !== undefined) this.#installed = true;
    if (seen !== undefined && seen.size < this.#store.size) {
      for (const key of [...this.#store.keys()]) if (!seen.has(key)) this.#drop(key);
    }
    if (this.#hasSynced) return;
    this.#hasSynced = true;
    this.#settle.resolve();
    this.#log.info({ objects: this.#store.size }, 'cache is complete');
  }

  #keep(incoming: T): void {
    const key = keyOf(incoming.metadata);
    this.#seen?.add(key);
    const previous = this.#store.find(key);
    if (previous !== undefined && previous.metadata.uid !== incoming.metadata.uid) this.#drop(key);
    else if (
      previous?.metadata.resourceVersion === incoming.metadata.resourceVersion &&
      previous !== undefined
    )
      return;
    const object = this.#project(incoming);
    if (object === undefined) return;
    this.#store.set(key, object);
    const initial = !this.#hasSynced;
    if (previous === undefined || previous.metadata.uid !== object.metadata.uid) {
      this.#announce({ type: 'added', object, initial });
    } else this.#announce({ type: 'modified', object, previous, initial });
  }

  #drop(key: string, last?: C): void {
    const previous = this.#store.find(key);
    if (previous === undefined) return;
    this.#store.delete(key);
    this.#announce({ type: 'deleted', object: last ?? previous, previous, initial: false });
  }

  #project(object: T): C | undefined {
    try {
      return this.#options.project(object);
    } catch (error) {
      this.#failed('projection failed', error, keyOf(object.metadata));
      return undefined;
    }
  }

  #announce(change: Change<C>): void {
    for (const listener of this.#listeners) this.#tell(listener, change);
  }

  #tell(listener: Listener<C>, change: Change<C>): void {
    const failed = (error: unknown) => this.#failed('listener failed', error, keyOf(change.object.metadata));
    try {
      const result: unknown = listener(change);
      if (result instanceof Promise) result.catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  #failed(message: string, error: unknown, key: string): void {
    this.#observer?.listenerFailed(this.resource.plural);
    this.#log.error({ err: error, object: key }, message);
  }
}

function reasonOf(failure: unknown): string {
  if (failure instanceof GoneError) return 'expired';
  if (failure instanceof ForbiddenError) return 'forbidden';
  if (
    failure instanceof TransportError &&
    (failure.cause as { code?: string })?.code === 'UND_ERR_BODY_TIMEOUT'
  )
    return 'silent';
  return 'error';
}
