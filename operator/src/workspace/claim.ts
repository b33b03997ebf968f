import { type AgentWorkspace, workspaceLabel } from '@dormouse/crds';
import { type Desired, type PersistentVolumeClaim, resources } from '../kube/index.ts';
import type { EffectiveSpec } from './class.ts';
import { quantityValue } from './quantity.ts';

export type AccessMode = 'ReadWriteOncePod' | 'ReadWriteOnce';

/**
 * The claim of a workspace. It has no owner reference: the garbage collector must never be the one that decides about
 * files. The finalizer of the workspace deletes it, where `storage.retain` is `Delete`.
 * @param volumeSnapshot what a fork's files come from
 */
export function buildClaim(
  workspace: AgentWorkspace,
  effective: EffectiveSpec,
  accessMode: AccessMode,
  volumeSnapshot?: string,
): Desired<PersistentVolumeClaim> {
  const { name, namespace } = workspace.metadata;
  const { storageClassName } = workspace.spec.storage;
  return {
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { [workspaceLabel]: name, 'app.kubernetes.io/name': 'dormouse' },
    },
    spec: {
      accessModes: [accessMode],
      resources: { requests: { storage: effective.storageSize } },
      ...(storageClassName === undefined ? {} : { storageClassName }),
      ...(volumeSnapshot === undefined
        ? {}
        : {
            dataSource: {
              apiGroup: resources.volumeSnapshots.group,
              kind: resources.volumeSnapshots.kind,
              name: volumeSnapshot,
            },
          }),
    },
  };
}

/** The size to grow a claim to; undefined where it is large enough. A claim never shrinks. */
export function growth(claim: PersistentVolumeClaim, wanted: string): string | undefined {
  const has = claim.spec?.resources?.requests?.storage;
  return has !== undefined && quantityValue(wanted) > quantityValue(has) ? wanted : undefined;
}
