import { type AgentWorkspace, workspaceLabel } from '@dormouse/crds';
import { type Desired, type PersistentVolumeClaim, resources } from '../kube/index.ts';
import type { EffectiveSpec } from './class.ts';
import { quantityValue } from './quantity.ts';

/** The claim that holds the files of a workspace now: a rewind puts another in place of the one that is named as the workspace. */
export function claimNameOf({ metadata, status }: Pick<AgentWorkspace, 'metadata' | 'status'>): string {
  return status?.claimName ?? metadata.name;
}

export type AccessMode = 'ReadWriteOncePod' | 'ReadWriteOnce';

/**
 * The claim of a workspace. It has no owner reference: the garbage collector must never be the one that decides about
 * files. The finalizer of the workspace deletes it, where `storage.retain` is `Delete`.
 * @param volumeSnapshot what the files of a fork, or of a rewind, come from
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
      name: claimNameOf(workspace),
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
