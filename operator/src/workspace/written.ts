import type { AgentCheckpoint, AgentMessage, AgentWorkspace } from '@dormouse/crds';
import type { KubeObject } from '../kube/index.ts';

/**
 * What one process wrote of a workspace and the caches may not show yet. Looking at an older object would plan the same
 * write again, which the API server refuses: correct, and a waste of a request and a back-off.
 */
export class Written {
  #workspace: AgentWorkspace | undefined;
  readonly #messages = new Map<string, AgentMessage>();
  readonly #checkpoints = new Map<string, AgentCheckpoint>();
  readonly #deleted = new Set<string>();

  noteWorkspace(object: AgentWorkspace): void {
    this.#workspace = object;
  }

  noteMessage(object: AgentMessage): void {
    this.#messages.set(object.metadata.uid ?? '', object);
  }

  /** A new one is kept until the cache has it: it says that a sleep is complete. */
  noteCheckpoint(object: AgentCheckpoint): void {
    this.#checkpoints.set(object.metadata.uid ?? '', object);
  }

  /** A message, a checkpoint or a snapshot is on its way out: to be asked once. */
  noteDeleted(uid: string): void {
    this.#messages.delete(uid);
    this.#checkpoints.delete(uid);
    this.#deleted.add(uid);
  }

  workspace(cached: AgentWorkspace | undefined): AgentWorkspace | undefined {
    const written = this.#workspace;
    if (written === undefined) return cached;
    if (cached !== undefined && cached.metadata.uid === written.metadata.uid && isOlder(cached, written))
      return written;
    this.#workspace = undefined;
    return cached;
  }

  messages(cached: readonly AgentMessage[]): AgentMessage[] {
    const known = this.#withoutDeleted(cached);
    return this.#messages.size === 0 ? known : newest(this.#messages, known);
  }

  checkpoints(cached: readonly AgentCheckpoint[]): AgentCheckpoint[] {
    const here = this.#withoutDeleted(cached);
    if (this.#checkpoints.size === 0) return here;
    const known = newest(this.#checkpoints, here);
    const uids = new Set(here.map((each) => each.metadata.uid));
    for (const [uid, each] of this.#checkpoints) if (!uids.has(uid)) known.push(each);
    return known;
  }

  /** Of what is deleted here and not written: what is not on its way out. */
  others<T extends KubeObject>(cached: readonly T[]): T[] {
    return this.#withoutDeleted(cached);
  }

  #withoutDeleted<T extends KubeObject>(cached: readonly T[]): T[] {
    return this.#deleted.size === 0
      ? [...cached]
      : cached.filter((each) => !this.#deleted.has(each.metadata.uid ?? ''));
  }

  /** Whether an object that comes from a watch is nothing but what was written here. */
  isEcho(object: KubeObject): boolean {
    const { uid = '', resourceVersion } = object.metadata;
    const written = this.#messages.get(uid) ?? this.#checkpoints.get(uid) ?? this.#workspace;
    return written?.metadata.uid === uid && written.metadata.resourceVersion === resourceVersion;
  }

  get isEmpty(): boolean {
    return (
      this.#workspace === undefined &&
      this.#messages.size === 0 &&
      this.#checkpoints.size === 0 &&
      this.#deleted.size === 0
    );
  }

  /** A watch showed that an object is gone. */
  noteGone(uid: string): void {
    this.#deleted.delete(uid);
    this.#messages.delete(uid);
    this.#checkpoints.delete(uid);
  }
}

/** Of each object the newer one of two; what the cache has caught up with is let go of. */
function newest<T extends KubeObject>(written: Map<string, T>, cached: readonly T[]): T[] {
  return cached.map((each) => {
    const uid = each.metadata.uid ?? '';
    const own = written.get(uid);
    if (own === undefined) return each;
    if (isOlder(each, own)) return own;
    written.delete(uid);
    return each;
  });
}

/** Resource versions of one kind are decimal numbers that grow. */
function isOlder(one: KubeObject, other: KubeObject): boolean {
  const a = one.metadata.resourceVersion ?? '';
  const b = other.metadata.resourceVersion ?? '';
  return a.length === b.length ? a < b : a.length < b.length;
}
