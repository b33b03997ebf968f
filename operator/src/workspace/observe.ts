import type { Expectation, Expectations } from '../cache/index.ts';
import { keyOf, type ObjectName } from '../kube/index.ts';
import { byCreation } from '../message/order.ts';
import type { RuntimeView } from '../runtime/index.ts';
import { byReference, type Caches } from './caches.ts';
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
  return {
    now: now(),
    name,
    workspace,
    class: lookup,
    pod: caches.pods.get(name),
    claim: caches.claims.get(name),
    expected: { ...expectation('pod', pod), ...expectation('claim', claim) },
    checkpoints: written.checkpoints(caches.checkpoints.by(byReference, key)),
    messages: written.messages(caches.messages.by(byReference, key)).sort(byCreation),
    runtime,
    memory,
    settings,
  };
}

function expectation<Kind extends 'pod' | 'claim'>(
  kind: Kind,
  { verb, uid }: Partial<Expectation> = {},
): Snapshot['expected'] {
  return verb === undefined || uid === undefined ? {} : { [kind]: { verb, uid } };
}
