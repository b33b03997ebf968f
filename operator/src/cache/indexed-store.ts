import { workspaceLabel } from '@dormouse/crds';
import { type KubeObject, keyOf, type ObjectName } from '../kube/index.ts';
import type { IndexFunctions, Store } from './store.ts';

/** One key alone, or several: most index values have one object, and a `Set` for each would cost 200 bytes. */
type Keys = string | Set<string>;

const workspaceIndex = 'workspace';

/** A {@link Store} that its informer writes. */
export class IndexedStore<C extends KubeObject> implements Store<C> {
  readonly #objects = new Map<string, C>();
  readonly #functions: IndexFunctions<C>;
  readonly #indexes = new Map<string, Map<string, Keys>>();

  constructor(functions: IndexFunctions<C> = {}) {
    this.#functions = {
      ...functions,
      [workspaceIndex]: ({ metadata }) => {
        const name = metadata.labels?.[workspaceLabel];
        return name === undefined || metadata.namespace === undefined
          ? name
          : `${metadata.namespace}/${name}`;
      },
    };
    for (const name of Object.keys(this.#functions)) this.#indexes.set(name, new Map());
  }

  get size(): number {
    return this.#objects.size;
  }

  get(name: ObjectName): C | undefined {
    return this.#objects.get(keyOf(name));
  }

  list(): C[] {
    return [...this.#objects.values()];
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys();
  }

  ofWorkspace(workspace: ObjectName): C[] {
    return this.by(workspaceIndex, keyOf(workspace));
  }

  by(index: string, value: string): C[] {
    const values = this.#indexes.get(index);
    if (values === undefined) throw new TypeError(`no index ${index}`);
    const keys = values.get(value);
    const found: C[] = [];
    for (const key of typeof keys === 'string' ? [keys] : (keys ?? [])) {
      const object = this.#objects.get(key);
      if (object !== undefined) found.push(object);
    }
    return found;
  }

  find(key: string): C | undefined {
    return this.#objects.get(key);
  }

  set(key: string, object: C): void {
    // Index functions first: one that throws must leave the store as it was.
    const next = this.#values(object);
    const previous = this.#objects.get(key);
    if (previous !== undefined) this.#unindex(key, previous);
    this.#objects.set(key, object);
    for (const [index, value] of next) add(this.#indexes.get(index), value, key);
  }

  delete(key: string): void {
    const previous = this.#objects.get(key);
    if (previous === undefined) return;
    this.#unindex(key, previous);
    this.#objects.delete(key);
  }

  #unindex(key: string, object: C): void {
    for (const [index, value] of this.#values(object)) remove(this.#indexes.get(index), value, key);
  }

  #values(object: C): [index: string, value: string][] {
    const values: [string, string][] = [];
    for (const name of Object.keys(this.#functions)) {
      const value = this.#functions[name]?.(object);
      if (typeof value === 'string') values.push([name, value]);
      else for (const one of value ?? []) values.push([name, one]);
    }
    return values;
  }
}

function add(values: Map<string, Keys> | undefined, value: string, key: string): void {
  const keys = values?.get(value);
  if (keys === undefined) values?.set(value, key);
  else if (typeof keys !== 'string') keys.add(key);
  else if (keys !== key) values?.set(value, new Set([keys, key]));
}

function remove(values: Map<string, Keys> | undefined, value: string, key: string): void {
  const keys = values?.get(value);
  if (keys === key) values?.delete(value);
  else if (typeof keys === 'object' && keys.delete(key) && keys.size === 0) values?.delete(value);
}
