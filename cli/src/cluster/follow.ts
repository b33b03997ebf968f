import {
  type Clock,
  delay,
  GoneError,
  type KubeClient,
  KubeError,
  type KubeObject,
  keyOf,
  type Resource,
} from '@dormouse/operator/kube';

export interface FollowOptions<T> {
  /** Absent: all namespaces. */
  namespace?: string;
  /** Only the object of this name. */
  name?: string;
  signal: AbortSignal;
  clock: Clock;
  /** Told of what exists once it is complete, and again whenever it had to be listed anew. */
  listed(objects: T[]): void;
  /** Told of every change after that, in order. */
  changed(object: T, deleted: boolean): void;
}

/** Milliseconds without a byte after which a stream counts as dead; the server sends a bookmark each minute. */
const silence = 120_000;
/** Seconds after which the server ends a watch; it is opened again. */
const watchSeconds = 300;
/** Milliseconds before a lost API server is asked again; doubled up to the longest. */
const firstPause = 250;
const longestPause = 5_000;

/**
 * Follows the objects of a kind until `signal` aborts, and then rejects with its reason. A watch that ends, is lost or
 * expires is taken up again; an API server that is away is waited for once it has answered.
 * @throws KubeError of what waiting does not mend, such as a missing right, and of whatever kind before the first answer
 */
export async function follow<T extends KubeObject>(
  kube: Pick<KubeClient, 'list' | 'watch'>,
  of: Resource<T>,
  options: FollowOptions<T>,
): Promise<never> {
  const { namespace, name, signal, clock } = options;
  const scope = {
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { fieldSelector: `metadata.name=${name}` }),
  };
  const concerns = (object: T) => name === undefined || object.metadata.name === name;
  let resourceVersion: string | undefined;
  let answered = false;
  let pause = firstPause;
  for (;;) {
    try {
      if (resourceVersion === undefined) {
        const list = await kube.list(of, { ...scope, signal });
        options.listed(list.items.filter(concerns));
        resourceVersion = list.resourceVersion;
        answered = true;
        // Whoever was told may have enough.
        signal.throwIfAborted();
      }
      const from = resourceVersion;
      const opened = clock.monotonic();
      await kube.watch(
        of,
        { ...scope, resourceVersion: from, timeoutSeconds: watchSeconds, silence, signal },
        ({ type, object }) => {
          resourceVersion = object.metadata.resourceVersion ?? resourceVersion;
          pause = firstPause;
          if (type !== 'BOOKMARK' && concerns(object)) options.changed(object, type === 'DELETED');
        },
      );
      // A server that ends each watch at once is not asked a thousand times a second.
      if (clock.monotonic() - opened < firstPause) await delay(clock, firstPause, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof KubeError)) throw error;
      if (error instanceof GoneError) resourceVersion = undefined;
      else if (!error.retryable || !answered) throw error;
      await delay(clock, pause, signal);
      pause = Math.min(pause * 2, longestPause);
    }
    signal.throwIfAborted();
  }
}

/** Follows one object until `decide` answers something else than undefined; it is told undefined where there is none. */
export async function until<T extends KubeObject, Answer>(
  kube: Pick<KubeClient, 'list' | 'watch'>,
  of: Resource<T>,
  options: { namespace: string; name: string; signal: AbortSignal; clock: Clock },
  decide: (object: T | undefined) => Answer | undefined,
): Promise<Answer> {
  const enough = new AbortController();
  const signal = AbortSignal.any([options.signal, enough.signal]);
  const outcome: { answer?: Answer; error?: unknown } = {};
  const look = (object: T | undefined) => {
    if (enough.signal.aborted) return;
    try {
      const answer = decide(object);
      if (answer === undefined) return;
      outcome.answer = answer;
    } catch (error) {
      outcome.error = error;
    }
    enough.abort();
  };
  try {
    return await follow(kube, of, {
      ...options,
      signal,
      listed: ([object]) => look(object),
      changed: (object, deleted) => look(deleted ? undefined : object),
    });
  } catch (error) {
    if (outcome.error !== undefined) throw outcome.error;
    if (outcome.answer !== undefined) return outcome.answer;
    throw error;
  }
}

/** All objects that are followed, by key. */
export function collect<T extends KubeObject>(changed: (objects: T[]) => void) {
  const objects = new Map<string, T>();
  return {
    listed(list: T[]) {
      objects.clear();
      for (const object of list) objects.set(keyOf(object.metadata), object);
      changed([...objects.values()]);
    },
    changed(object: T, deleted: boolean) {
      if (deleted) objects.delete(keyOf(object.metadata));
      else objects.set(keyOf(object.metadata), object);
      changed([...objects.values()]);
    },
  };
}
