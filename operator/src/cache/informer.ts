import type { KubeObject, Resource } from '../kube/index.ts';
import type { IndexFunctions, Store } from './store.ts';

/** A change of the cache; the store already shows it when a listener is called. */
export interface Change<C extends KubeObject> {
  type: 'added' | 'modified' | 'deleted';
  /** The object as it is now; for `deleted`, the last that was known. */
  object: C;
  /** What was cached before; absent for `added`. */
  previous?: C;
  /** Part of the first listing, not news: goes behind live events. */
  initial: boolean;
}

export type Listener<C extends KubeObject> = (change: Change<C>) => void;

export interface InformerOptions<T extends KubeObject, C extends KubeObject> {
  resource: Resource<T>;
  /** Absent: all namespaces. */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** Cuts an object down to what the operator reads. It must copy, not keep parts with what it drops. */
  project: (object: T) => C;
  indexes?: IndexFunctions<C>;
  /** The cluster may not have the kind: then the cache is complete and empty until somebody installs it. */
  optional?: true;
}

/** A cache of one kind that keeps itself current from `start` to `stop`. */
export interface Informer<C extends KubeObject> extends Store<C> {
  readonly resource: Resource<KubeObject>;
  /** Whether the first listing is complete. Stays true while the watch is being restarted. */
  readonly hasSynced: boolean;
  /** Resolves with the first whole listing; rejects when stopped before. */
  readonly synced: Promise<void>;
  /** Whether the cluster has the kind, as far as is known. */
  readonly installed: boolean;
  /** Milliseconds since the last event, bookmark or try. Bookmarks come each minute: five are a watch that hangs. */
  readonly silence: number;
  /**
   * Called for every change after this moment, and at once, as `added` and `initial`, for what is already there. A
   * listener that throws is logged and counted; the others and the watch go on.
   */
  subscribe(listener: Listener<C>): () => void;
  start(): void;
  /** Resolves when no listener will be called any more. */
  stop(): Promise<void>;
}

/** Told of each restart of a watch: `expired`, `closed`, `silent`, `error`, `forbidden`. */
export interface WatchObserver {
  watchRestarted(resource: string, reason: string): void;
  listenerFailed(resource: string): void;
}
