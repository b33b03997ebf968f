import { archivePodName } from '@dormouse/agent-runtime/protocol';
import type { AgentWorkspace } from '@dormouse/crds';
import type { Expectation, Expectations } from '../cache/index.ts';
import { keyOf, type ObjectName } from '../kube/index.ts';
import { byCreation } from '../message/order.ts';
import type { RuntimeView } from '../runtime/index.ts';
import { byReference, bySource, type Caches } from './caches.ts';
import { findClass } from './class.ts';
import type { Memory, Settings, Snapshot } from './snapshot.ts';
import type { Written } from './written.ts';

/** Where a snapshot comes from. */
export interface Sources {
  now(): number;
  caches: Caches;
  expected: { pods: Pick<Expectations, 'pending'>; claims: Pick<Expectations, 'pending'> };
  settings: Settings;
}

/** Everything that is known of one workspace at this moment. Reads memory only. */
export function observe(
  { now, caches, expected, settings }: Sources,
  name: ObjectName & { namespace: string },
  { memory, written, runtime }: { memory: Memory; written: Written; runtime: RuntimeView },
): Snapshot {
  const key = keyOf(name);
  const workspace = written.workspace(caches.workspaces.get(name));
  const lookup =
    workspace === undefined
      ? ({ found: undefined, missing: undefined } as const)
      : findClass(
          workspace,
          (className) => caches.classes.get({ name: className }),
          () => caches.classes.list(),
        );
  const pod = expected.pods.pending(name);
  const claim = expected.claims.pending(name);
  const archiveName = { namespace: name.namespace, name: archivePodName(name.name) };
  const archivePod = expected.pods.pending(archiveName);
  const checkpoints = written.checkpoints(caches.checkpoints.by(byReference, key));
  return {
    now: now(),
    name,
    workspace,
    class: lookup,
    pod: caches.pods.get(name),
    claim: caches.claims.get(name),
    archivePod: caches.pods.get(archiveName),
    expected: {
      ...expectation('pod', pod),
      ...expectation('claim', claim),
      ...expectation('archivePod', archivePod),
    },
    checkpoints,
    messages: written.messages(caches.messages.by(byReference, key)).sort(byCreation),
    volumeSnapshots: caches.volumeSnapshots.installed
      ? written.others(caches.volumeSnapshots.ofWorkspace(name))
      : undefined,
    source: sourceOf(caches, workspace),
    awaited: new Set(
      checkpoints.flatMap(({ metadata }) => (isAwaited(caches, metadata) ? [metadata.name] : [])),
    ),
    runtime,
    memory,
    settings,
  };
}

function expectation<Kind extends keyof Snapshot['expected']>(
  kind: Kind,
  { verb, uid }: Partial<Expectation> = {},
): Snapshot['expected'] {
  return verb === undefined || uid === undefined ? {} : { [kind]: { verb, uid } };
}

function sourceOf(
  { checkpoints, volumeSnapshots }: Caches,
  workspace: AgentWorkspace | undefined,
): Snapshot['source'] {
  const name = workspace?.spec.source?.checkpointRef.name;
  if (workspace === undefined || name === undefined)
    return { checkpoint: undefined, volumeSnapshot: undefined };
  const { namespace = '' } = workspace.metadata;
  const checkpoint = checkpoints.get({ namespace, name });
  const snapshot = checkpoint?.status?.volumeSnapshot?.name;
  return {
    checkpoint,
    volumeSnapshot: snapshot === undefined ? undefined : volumeSnapshots.get({ namespace, name: snapshot }),
  };
}

/** Whether a workspace is being made from the checkpoint: until its claim is bound, the snapshot is needed. */
function isAwaited({ workspaces, claims }: Caches, checkpoint: ObjectName): boolean {
  return workspaces
    .by(bySource, keyOf(checkpoint))
    .some(
      ({ metadata }) =>
        metadata.deletionTimestamp === undefined && claims.get(metadata)?.status?.phase !== 'Bound',
    );
}
