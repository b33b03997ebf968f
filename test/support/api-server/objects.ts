/** An object as the stand-in API server keeps it. */
export interface StoredObject {
  apiVersion?: string;
  kind?: string;
  metadata: {
    name: string;
    namespace?: string;
    uid: string;
    resourceVersion: string;
    labels?: Record<string, string>;
    [member: string]: unknown;
  };
  [member: string]: unknown;
}

export interface HistoryEntry {
  version: number;
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  collection: string;
  object: StoredObject;
}

/** Objects by collection, with one counter of versions and a history, as etcd has them. */
export class Objects {
  readonly #collections = new Map<string, Map<string, StoredObject>>();
  readonly #subscribers = new Set<(entry: HistoryEntry) => void>();
  #history: HistoryEntry[] = [];
  #version = 100;
  /** Versions up to this one are forgotten. */
  #compacted = 0;
  #uids = 0;

  get version(): number {
    return this.#version;
  }

  get compacted(): number {
    return this.#compacted;
  }

  /** @param collection `apis/GROUP/VERSION/PLURAL` or `api/v1/PLURAL` */
  list(collection: string): StoredObject[] {
    return [...(this.#collections.get(collection)?.values() ?? [])];
  }

  get(collection: string, key: string): StoredObject | undefined {
    return this.#collections.get(collection)?.get(key);
  }

  put(collection: string, key: string, object: { metadata: { name: string } }): StoredObject {
    const objects = this.#collections.get(collection) ?? new Map<string, StoredObject>();
    this.#collections.set(collection, objects);
    const existing = objects.get(key);
    const version = ++this.#version;
    const stored: StoredObject = {
      ...object,
      metadata: {
        ...object.metadata,
        uid: existing?.metadata.uid ?? `uid-${++this.#uids}`,
        resourceVersion: String(version),
      },
    };
    objects.set(key, stored);
    this.#note({ version, type: existing === undefined ? 'ADDED' : 'MODIFIED', collection, object: stored });
    return stored;
  }

  delete(collection: string, key: string): void {
    const existing = this.get(collection, key);
    if (existing === undefined) return;
    this.#collections.get(collection)?.delete(key);
    const version = ++this.#version;
    const object = { ...existing, metadata: { ...existing.metadata, resourceVersion: String(version) } };
    this.#note({ version, type: 'DELETED', collection, object });
  }

  /** Forgets the history: whoever wants to go on at an older version is told 410. */
  compact(): void {
    this.#history = [];
    this.#compacted = ++this.#version;
  }

  since(version: number, collection: string): HistoryEntry[] {
    return this.#history.filter((entry) => entry.version > version && entry.collection === collection);
  }

  subscribe(subscriber: (entry: HistoryEntry) => void): () => void {
    this.#subscribers.add(subscriber);
    return () => this.#subscribers.delete(subscriber);
  }

  #note(entry: HistoryEntry): void {
    this.#history.push(entry);
    for (const subscriber of this.#subscribers) subscriber(entry);
  }
}
