import { type Clock, type KubeObject, keyOf, type ObjectName, systemClock } from '../kube/index.ts';
import type { Informer } from './informer.ts';

/** A write that was accepted and that the cache does not show yet. */
export interface Expectation {
  verb: 'create' | 'delete';
  uid: string;
}

interface Entry extends Expectation {
  /** The version that the write left. */
  version: string | undefined;
  /** The uid that the cache showed when the write was accepted. */
  before: string | undefined;
  expires: number;
}

/**
 * What was sent to one kind and is not yet seen in its cache. A worker that creates or deletes says so here, and asks
 * `pending` before it does it again: a stale cache must never make a second object. At most one expectation per object;
 * a later one replaces an earlier one.
 */
export class Expectations {
  readonly #cache: Pick<Informer<KubeObject>, 'get'>;
  readonly #clock: Clock;
  readonly #timeout: number;
  readonly #expected = new Map<string, Entry>();

  /** @param options `timeout`: milliseconds after which the cache is believed again, whatever was expected. */
  constructor(
    cache: Pick<Informer<KubeObject>, 'get' | 'subscribe'>,
    { clock = systemClock, timeout = 30_000 }: { clock?: Clock; timeout?: number } = {},
  ) {
    this.#cache = cache;
    this.#clock = clock;
    this.#timeout = timeout;
    cache.subscribe(({ type, object }) => {
      // Created and gone again between two looks: nothing in the cache would ever tell.
      const key = keyOf(object.metadata);
      if (type === 'deleted' && this.#expected.get(key)?.uid === object.metadata.uid)
        this.#expected.delete(key);
    });
  }

  /** A create was accepted: until the cache shows it, the object exists all the same. */
  created(object: KubeObject): void {
    this.#expect('create', object);
  }

  /** A delete was accepted: until the cache shows it going, it is on its way out all the same. */
  deleted(object: KubeObject): void {
    this.#expect('delete', object);
  }

  /** Whether an object that comes from a watch is what a create here left, and says nothing new. */
  isEcho({ metadata }: KubeObject): boolean {
    const entry = this.#expected.get(keyOf(metadata));
    return (
      entry?.verb === 'create' && entry.uid === metadata.uid && entry.version === metadata.resourceVersion
    );
  }

  /** What is expected of that object and not yet seen. */
  pending(name: ObjectName): Expectation | undefined {
    const key = keyOf(name);
    const entry = this.#expected.get(key);
    if (entry === undefined) return undefined;
    if (this.#clock.monotonic() < entry.expires && !this.#seen(entry, name)) return entry;
    this.#expected.delete(key);
    return undefined;
  }

  #seen({ verb, uid, before }: Entry, name: ObjectName): boolean {
    const metadata = this.#cache.get(name)?.metadata;
    if (verb === 'delete') return metadata?.uid !== uid || metadata.deletionTimestamp !== undefined;
    // A uid that is neither the old nor the expected one belongs to an object that came still later.
    return metadata !== undefined && (metadata.uid === uid || metadata.uid !== before);
  }

  #expect(verb: Expectation['verb'], { metadata }: KubeObject): void {
    this.#expected.set(keyOf(metadata), {
      verb,
      uid: metadata.uid ?? '',
      version: metadata.resourceVersion,
      before: this.#cache.get(metadata)?.metadata.uid,
      expires: this.#clock.monotonic() + this.#timeout,
    });
  }
}
