import { type AgentWorkspace, type WorkspacePhase, workspaceLabel, workspacePhases } from '@dormouse/crds';
import type { Change, Expectations, Informer } from '../cache/index.ts';
import { type KubeObject, keyOf } from '../kube/index.ts';
import type { Priority, WorkQueue } from '../queue/index.ts';
import { bySource, type Caches, originKey, referenceOf } from './caches.ts';
import { sameValue } from './equality.ts';
import type { Reconciler } from './reconciler.ts';

/** The caches, as what they are: informers that tell of changes. */
export type Informers = { [Kind in keyof Caches]: Informer<CachedObject<Kind>> };
type CachedObject<Kind extends keyof Caches> = Caches[Kind] extends { list(): (infer C)[] }
  ? C extends KubeObject
    ? C
    : never
  : never;

/**
 * Turns changes of the caches into keys of workspaces to look at, until the returned function is called. What is in the
 * caches already comes first, behind everything that happens meanwhile.
 */
export function feed(
  informers: Informers,
  queue: Pick<WorkQueue, 'add'>,
  reconciler: Pick<Reconciler, 'isEcho' | 'noteGone'>,
  expected: { pods: Pick<Expectations, 'isEcho'>; claims: Pick<Expectations, 'isEcho'> },
): () => void {
  const priority = ({ initial }: { initial: boolean }): Priority => (initial ? 'initial' : 'live');
  const owned = (change: Change<KubeObject>, own: Pick<Expectations, 'isEcho'>) => {
    if (change.type === 'added' && own.isEcho(change.object)) return;
    const { namespace, labels } = change.object.metadata;
    const workspace = labels?.[workspaceLabel];
    if (workspace !== undefined) queue.add(`${namespace}/${workspace}`, priority(change));
  };
  const referring = (change: Change<Parameters<typeof referenceOf>[0]>) => {
    const key = referenceOf(change.object);
    if (change.type === 'deleted') reconciler.noteGone(key, change.object.metadata.uid ?? '');
    else if (change.type === 'modified' && reconciler.isEcho(key, change.object)) return;
    queue.add(key, priority(change));
  };
  /** A workspace that sleeps takes a changed class up when it wakes. */
  const awake = (concerned: (workspace: AgentWorkspace) => boolean) => {
    for (const workspace of informers.workspaces.list())
      if (workspace.status?.phase !== 'Suspended' && concerned(workspace))
        queue.add(keyOf(workspace.metadata), 'initial');
  };
  const ends = [
    informers.workspaces.subscribe((change) => {
      const key = keyOf(change.object.metadata);
      if (change.type === 'modified' && reconciler.isEcho(key, change.object)) return;
      queue.add(key, priority(change));
    }),
    informers.pods.subscribe((change) => owned(change, expected.pods)),
    informers.claims.subscribe((change) => owned(change, expected.claims)),
    informers.volumeSnapshots.subscribe((change) => {
      const { namespace, labels, uid } = change.object.metadata;
      const key = `${namespace}/${labels?.[workspaceLabel]}`;
      if (change.type === 'deleted') reconciler.noteGone(key, uid ?? '');
      queue.add(key, priority(change));
    }),
    informers.checkpoints.subscribe((change) => {
      // Forks wait for it to have a snapshot, whoever wrote that.
      const { metadata, spec } = change.object;
      const origin = { namespace: metadata.namespace ?? '', name: spec.workspaceRef.name };
      const forks = [keyOf(metadata), originKey(origin)].flatMap((key) =>
        informers.workspaces.by(bySource, key),
      );
      for (const fork of forks) queue.add(keyOf(fork.metadata), priority(change));
      referring(change);
    }),
    informers.messages.subscribe(referring),
    informers.classes.subscribe(({ type, object, previous, initial }) => {
      if (initial) return;
      const same =
        type === 'modified' &&
        sameValue(object.spec, previous?.spec) &&
        sameValue(object.metadata.annotations, previous?.metadata.annotations);
      if (same) return;
      const { name } = object.metadata;
      awake(({ spec, status }) =>
        spec.classRef === undefined ? true : spec.classRef.name === name || status?.className === name,
      );
    }),
  ];
  return () => {
    for (const end of ends) end();
  };
}

/** Keeps the number of workspaces in each phase, for `dormouse_workspaces{phase}`. */
export function countPhases(
  workspaces: Informer<AgentWorkspace>,
  set: (phase: WorkspacePhase, count: number) => void,
): void {
  const counts = new Map<WorkspacePhase, number>();
  const phaseOf = (workspace: AgentWorkspace | undefined): WorkspacePhase | undefined =>
    workspace === undefined ? undefined : (workspace.status?.phase ?? 'Pending');
  const add = (phase: WorkspacePhase | undefined, by: number) => {
    if (phase === undefined) return;
    const count = (counts.get(phase) ?? 0) + by;
    counts.set(phase, count);
    set(phase, count);
  };
  for (const phase of workspacePhases) set(phase, 0);
  workspaces.subscribe(({ type, object, previous }) => {
    if (type === 'deleted') {
      add(phaseOf(object), -1);
      return;
    }
    const before = type === 'added' ? undefined : phaseOf(previous);
    const after = phaseOf(object);
    if (before === after) return;
    add(before, -1);
    add(after, 1);
  });
}
