import type { KubeObject, ObjectName } from '../kube/index.ts';

/** Names an index: `byWorkspace` is always there. */
export type IndexFunctions<C> = Record<string, (object: C) => string | readonly string[] | undefined>;

/** What is known of one kind. Objects are shared and never changed: a newer one replaces an older one. */
export interface Store<C extends KubeObject> {
  get(name: ObjectName): C | undefined;
  /** A snapshot, in no order. */
  list(): C[];
  /** The objects that carry the label `dormouse.dev/workspace` with that name, in that namespace. */
  ofWorkspace(workspace: ObjectName): C[];
  /** The objects for which the index function of that name gave `value`. */
  by(index: string, value: string): C[];
  readonly size: number;
}
