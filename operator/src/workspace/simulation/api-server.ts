import type { ObjectMeta } from '@dormouse/crds';
import type { Listener, Store } from '../../cache/index.ts';
import {
  AlreadyExistsError,
  ConflictError,
  type Desired,
  ForbiddenError,
  type KubeClient,
  type KubeObject,
  keyOf,
  NotFoundError,
  type ObjectName,
  type Preconditions,
  type Resource,
} from '../../kube/index.ts';

interface Stored extends KubeObject {
  spec?: unknown;
  status?: unknown;
}

interface LogEntry {
  type: 'added' | 'modified' | 'deleted';
  object: Stored;
}

/** What the operator dies of in the middle of a plan. */
export class CrashError extends Error {
  override readonly name = 'CrashError';
}

/**
 * An API server that keeps what matters to the operator: names, UIDs, resource versions, preconditions, finalizers, the
 * status as a part of its own, and a log of changes for caches that lag behind.
 */
export class SimulatedApiServer
  implements Pick<KubeClient, 'get' | 'list' | 'create' | 'apply' | 'patch' | 'patchStatus' | 'delete'>
{
  readonly #objects = new Map<string, Map<string, Stored>>();
  readonly log = new Map<string, LogEntry[]>();
  readonly #now: () => number;
  #version = 1000;
  #uids = 0;
  /** Writes that the operator has left until it crashes; `after`: the last one still reaches the server. */
  fuse: { writes: number; after: boolean } | undefined;
  /** The namespace is on its way out: nothing can be created in it. */
  terminating = false;
  /** Requests for lists, and creates that were refused. */
  readonly requests = { lists: 0, refused: 0 };
  /** Writes of the operator that reached it. */
  writes = 0;
  /** Called for every delete that is accepted, before it takes effect. */
  onDelete: (plural: string, object: Stored, grace: number | undefined) => void = () => undefined;
  /** Called after every write. */
  onWrite: () => void = () => undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  read<T extends KubeObject>(of: Resource<T>, name: ObjectName): T | undefined {
    return this.#of(of.plural).get(keyOf(name)) as T | undefined;
  }

  all<T extends KubeObject>(of: Resource<T>): T[] {
    return [...this.#of(of.plural).values()] as unknown as T[];
  }

  get<T extends KubeObject>(of: Resource<T>, name: ObjectName): Promise<T> {
    const found = this.read(of, name);
    return found === undefined
      ? Promise.reject(new NotFoundError(`${of.plural} ${name.name} not found`, 404))
      : Promise.resolve(found);
  }

  list<T extends KubeObject>(of: Resource<T>) {
    this.requests.lists += 1;
    return Promise.resolve({ resourceVersion: String(this.#version), items: this.all(of) });
  }

  create<T extends KubeObject>(of: Resource<T>, object: Desired<T>): Promise<T> {
    return this.#write(() => {
      if (!this.terminating) return this.insert(of, object);
      this.requests.refused += 1;
      throw new ForbiddenError(`${of.plural} cannot be created`, 403, 'Forbidden', true);
    });
  }

  /** Without the operator's fuse: what people and the other parts of Kubernetes make. */
  insert<T extends KubeObject>(of: Resource<T>, object: Desired<T>): T {
    const key = keyOf(object.metadata);
    if (this.#of(of.plural).has(key)) throw new AlreadyExistsError(`${of.plural} ${key} exists`, 409);
    this.#uids += 1;
    const metadata: ObjectMeta = {
      ...object.metadata,
      uid: `uid-${this.#uids}`,
      generation: 1,
      creationTimestamp: new Date(Math.floor(this.#now() / 1000) * 1000).toISOString(),
    };
    const { status: _ignored, ...rest } = object as Stored;
    return this.#put(of.plural, 'added', { ...rest, metadata }) as unknown as T;
  }

  apply<T extends KubeObject>(of: Resource<T>, object: Desired<T>): Promise<T> {
    return this.#write(() => {
      if (this.read(of, object.metadata) === undefined) return this.insert(of, object);
      const { metadata: _its, status: _never, ...rest } = object as Stored;
      return this.change(of, object.metadata, rest);
    });
  }

  patch<T extends KubeObject>(
    of: Resource<T>,
    name: ObjectName,
    patch: object,
    preconditions: Preconditions = {},
  ): Promise<T> {
    return this.#write(() => this.change(of, name, patch, preconditions));
  }

  /** Without the operator's fuse. */
  change<T extends KubeObject>(
    of: Resource<T>,
    name: ObjectName,
    patch: object,
    preconditions: Preconditions = {},
  ): T {
    const found = this.#checked(of, name, preconditions);
    const { status: _untouched, ...allowed } = patch as Stored;
    const next = merge(found, allowed) as Stored;
    if (JSON.stringify(next.spec) !== JSON.stringify(found.spec))
      next.metadata = { ...next.metadata, generation: (found.metadata.generation ?? 0) + 1 };
    return this.#settle(of.plural, next) as unknown as T;
  }

  patchStatus<T extends KubeObject>(
    of: Resource<T>,
    name: ObjectName,
    status: object,
    preconditions: Preconditions = {},
  ): Promise<T> {
    return this.#write(() => this.changeStatus(of, name, status, preconditions));
  }

  /** Without the operator's fuse. */
  changeStatus<T extends KubeObject>(
    of: Resource<T>,
    name: ObjectName,
    status: object,
    preconditions: Preconditions = {},
  ): T {
    const found = this.#checked(of, name, preconditions);
    return this.#settle(of.plural, { ...found, status: merge(found.status ?? {}, status) }) as unknown as T;
  }

  delete<T extends KubeObject>(
    of: Resource<T>,
    name: ObjectName,
    options: Preconditions & { gracePeriodSeconds?: number } = {},
  ): Promise<void> {
    return this.#write(() => this.remove(of, name, options));
  }

  /** Without the operator's fuse. Pods stay, marked, until the kubelet has ended them, unless grace is 0. */
  remove<T extends KubeObject>(
    of: Resource<T>,
    name: ObjectName,
    options: Preconditions & { gracePeriodSeconds?: number } = {},
  ): void {
    const found = this.#checked(of, name, options);
    this.onDelete(of.plural, found, options.gracePeriodSeconds);
    const phase = (found.status as { phase?: string } | undefined)?.phase;
    const graceful =
      of.plural === 'pods' && options.gracePeriodSeconds !== 0 && phase !== 'Failed' && phase !== 'Succeeded';
    if (graceful || (found.metadata.finalizers?.length ?? 0) > 0) {
      if (found.metadata.deletionTimestamp !== undefined) return;
      const deletionTimestamp = new Date(this.#now()).toISOString();
      this.#put(of.plural, 'modified', { ...found, metadata: { ...found.metadata, deletionTimestamp } });
      return;
    }
    this.vanish(of, name);
  }

  /** The object goes, whatever held it. */
  vanish<T extends KubeObject>(of: Resource<T>, name: ObjectName): void {
    const key = keyOf(name);
    const found = this.#of(of.plural).get(key);
    if (found === undefined) return;
    this.#of(of.plural).delete(key);
    this.#version += 1;
    const metadata = { ...found.metadata, resourceVersion: String(this.#version) };
    this.#logOf(of.plural).push({ type: 'deleted', object: { ...found, metadata } });
    // The garbage collector follows owner references.
    for (const [plural, objects] of this.#objects)
      for (const each of objects.values())
        if (each.metadata.ownerReferences?.some((owner) => owner.uid === found.metadata.uid))
          this.vanish({ plural } as Resource<KubeObject>, each.metadata);
  }

  #checked(of: Resource<KubeObject>, name: ObjectName, { uid, resourceVersion }: Preconditions): Stored {
    const found = this.#of(of.plural).get(keyOf(name));
    if (found === undefined) throw new NotFoundError(`${of.plural} ${name.name} not found`, 404);
    const holds =
      (uid === undefined || uid === found.metadata.uid) &&
      (resourceVersion === undefined || resourceVersion === found.metadata.resourceVersion);
    if (!holds) throw new ConflictError(`${of.plural} ${name.name} changed`, 409);
    return found;
  }

  #settle(plural: string, next: Stored): Stored {
    if (next.metadata.deletionTimestamp !== undefined && (next.metadata.finalizers?.length ?? 0) === 0) {
      this.vanish({ plural } as Resource<KubeObject>, next.metadata);
      return next;
    }
    return this.#put(plural, 'modified', next);
  }

  #put(plural: string, type: 'added' | 'modified', object: Stored): Stored {
    this.#version += 1;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
    this.#of(plural).set(keyOf(stored.metadata), stored);
    this.#logOf(plural).push({ type, object: stored });
    return stored;
  }

  async #write<R>(effect: () => R): Promise<R> {
    const { fuse } = this;
    if (fuse !== undefined) {
      fuse.writes -= 1;
      if (fuse.writes < 0 && !fuse.after) throw new CrashError('killed before a write');
    }
    const result = effect();
    this.writes += 1;
    this.onWrite();
    if (fuse !== undefined && fuse.writes < 0) throw new CrashError('killed after a write');
    return result;
  }

  #of(plural: string): Map<string, Stored> {
    const known = this.#objects.get(plural) ?? new Map<string, Stored>();
    this.#objects.set(plural, known);
    return known;
  }

  #logOf(plural: string): LogEntry[] {
    const known = this.log.get(plural) ?? [];
    this.log.set(plural, known);
    return known;
  }
}

function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> =
    typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else if (value !== undefined) result[name] = merge(result[name], value);
  }
  return result;
}

/** A cache that shows what the server had some changes ago. */
export class LaggingCache<C extends KubeObject> implements Store<C> {
  readonly #server: SimulatedApiServer;
  readonly #plural: string;
  readonly #index: ((object: C) => string) | undefined;
  readonly #listeners = new Set<Listener<C>>();
  readonly installed = true;
  #objects = new Map<string, C>();
  #position = 0;

  constructor(server: SimulatedApiServer, of: Resource<C>, index?: (object: C) => string) {
    this.#server = server;
    this.#plural = of.plural;
    this.#index = index;
  }

  /** Takes in at most so many changes; says how many there were. */
  catchUp(changes: number = Number.POSITIVE_INFINITY): number {
    const log = this.#server.log.get(this.#plural) ?? [];
    const end = Math.min(log.length, this.#position + changes);
    const count = end - this.#position;
    for (; this.#position < end; this.#position += 1) {
      const entry = log[this.#position];
      if (entry === undefined) break;
      const object = entry.object as C;
      const key = keyOf(object.metadata);
      const previous = this.#objects.get(key);
      if (entry.type === 'deleted') this.#objects.delete(key);
      else this.#objects.set(key, object);
      for (const listener of this.#listeners)
        listener({
          type: entry.type,
          object,
          ...(previous === undefined ? {} : { previous }),
          initial: false,
        });
    }
    return count;
  }

  /** Sees the last so many changes once more, as after a watch that was resumed too early. */
  rewind(changes: number): void {
    this.#position = Math.max(0, this.#position - changes);
    const log = this.#server.log.get(this.#plural) ?? [];
    this.#objects = new Map();
    for (const { type, object } of log.slice(0, this.#position)) {
      if (type === 'deleted') this.#objects.delete(keyOf(object.metadata));
      else this.#objects.set(keyOf(object.metadata), object as C);
    }
  }

  subscribe(listener: Listener<C>): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get(name: ObjectName): C | undefined {
    return this.#objects.get(keyOf(name));
  }

  list(): C[] {
    return [...this.#objects.values()];
  }

  ofWorkspace(): C[] {
    return this.list();
  }

  by(_index: string, value: string): C[] {
    return this.list().filter((each) => this.#index?.(each) === value);
  }

  get size(): number {
    return this.#objects.size;
  }
}
