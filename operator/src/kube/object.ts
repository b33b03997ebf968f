import type { ObjectMeta } from '@dormouse/crds';

/** What every object of the API server has. `apiVersion` and `kind` are absent on items of a list. */
export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
}

/** Which object: `namespace` is absent for cluster-scoped kinds. An object's own `metadata` is a valid reference. */
export interface ObjectName {
  namespace?: string;
  name: string;
}

/** An object as a writer states it; `apiVersion` and `kind` are filled in from the resource. */
export type Desired<T extends KubeObject> = Omit<T, 'apiVersion' | 'kind' | 'status'> &
  Partial<Pick<T, 'apiVersion' | 'kind' | Extract<'status', keyof T>>>;

/**
 * A type of `@kubernetes/client-node` as it looks in JSON: its models turn timestamps into `Date` and rename what is a
 * reserved word (`from` → `_from`, `continue` → `_continue`), which only its own serializer undoes. The
 * operator reads and writes plain JSON.
 */
export type Wire<T> = T extends Date
  ? string
  : T extends (infer Item)[]
    ? Wire<Item>[]
    : T extends object
      ? { [K in keyof T as K extends `_${infer Name}` ? Name : K]: Wire<T[K]> }
      : T;

/** A built-in kind in its JSON shape, with `metadata` always there. */
export type WireObject<T> = KubeObject & Wire<Omit<T, 'apiVersion' | 'kind' | 'metadata'>>;

export interface ObjectList<T> {
  /** Where a watch may go on. */
  resourceVersion: string;
  items: T[];
}

/** The key of an object in queues and caches: `NAMESPACE/NAME`, or `NAME` for cluster-scoped kinds. */
export function keyOf(object: ObjectName): string {
  return object.namespace === undefined ? object.name : `${object.namespace}/${object.name}`;
}

/** The inverse of {@link keyOf}. */
export function nameOf(key: string): ObjectName {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
