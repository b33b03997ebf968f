import type { AgentCheckpoint, AgentMessage, AgentWorkspace, AgentWorkspaceClass } from '@dormouse/crds';
import { projectMetadata, type Store } from '../cache/index.ts';
import type { PersistentVolumeClaim, Pod, VolumeSnapshot } from '../kube/index.ts';

/** The index by `NAMESPACE/NAME` of the workspace that an object's `spec.workspaceRef` names. */
export const byReference = 'workspaceRef';

/** The index by `NAMESPACE/NAME` of the AgentCheckpoint that a workspace is made from. */
export const bySource = 'source';

/** What the operator knows of the cluster, one store a kind. */
export interface Caches {
  /** With the index {@link bySource}. */
  workspaces: Store<AgentWorkspace>;
  classes: Store<AgentWorkspaceClass>;
  pods: Store<Pod>;
  claims: Store<PersistentVolumeClaim>;
  /** With the index {@link byReference}. */
  checkpoints: Store<AgentCheckpoint>;
  /** With the index {@link byReference}. */
  messages: Store<AgentMessage>;
  volumeSnapshots: Store<VolumeSnapshot> & { readonly installed: boolean };
}

/** The key of the workspace that a message or a checkpoint names. */
export function referenceOf(object: AgentMessage | AgentCheckpoint): string {
  return `${object.metadata.namespace}/${object.spec.workspaceRef.name}`;
}

/** The key of the checkpoint that a workspace is made from. */
export function sourceOf({ metadata, spec }: AgentWorkspace): string | undefined {
  const name = spec.source?.checkpointRef.name;
  return name === undefined ? undefined : `${metadata.namespace}/${name}`;
}

/** Of a pod: whose it is, what it was made from, and how it does. */
export function projectPod({ metadata, spec, status }: Pod): Pod {
  return {
    metadata: projectMetadata(metadata),
    // A pod without containers is none; the operator reads the node alone.
    spec: { containers: [], ...(spec?.nodeName === undefined ? {} : { nodeName: spec.nodeName }) },
    status: {
      ...(status?.phase === undefined ? {} : { phase: status.phase }),
      ...(status?.podIP === undefined ? {} : { podIP: status.podIP }),
      ...(status?.reason === undefined ? {} : { reason: status.reason }),
      ...(status?.message === undefined ? {} : { message: status.message }),
      conditions: (status?.conditions ?? [])
        .filter((each) => each.type === 'PodScheduled')
        .map(({ type, status: value, reason, message }) => ({
          type,
          status: value,
          ...(reason === undefined ? {} : { reason }),
          ...(message === undefined ? {} : { message }),
        })),
      containerStatuses: (status?.containerStatuses ?? []).map(projectContainer),
      ...(status?.initContainerStatuses === undefined
        ? {}
        : { initContainerStatuses: status.initContainerStatuses.map(projectContainer) }),
    },
  };
}

type ContainerStatus = NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number];

function projectContainer(of: ContainerStatus): ContainerStatus {
  const { name, image, imageID, ready, restartCount, state, lastState } = of;
  return {
    ...{ name, image, imageID, ready, restartCount },
    ...(state === undefined ? {} : { state }),
    ...(lastState === undefined ? {} : { lastState }),
  };
}

/** Of a claim: its size and whether it has a volume. */
export function projectClaim({ metadata, spec, status }: PersistentVolumeClaim): PersistentVolumeClaim {
  return {
    metadata: projectMetadata(metadata),
    spec: {
      ...(spec?.resources === undefined ? {} : { resources: spec.resources }),
      ...(spec?.storageClassName === undefined ? {} : { storageClassName: spec.storageClassName }),
    },
    status: { ...(status?.phase === undefined ? {} : { phase: status.phase }) },
  };
}

/** Of a message that is completed: that it is. Text and reply are up to 80 KiB, and nobody reads them here again. */
export function projectMessage(message: AgentMessage): AgentMessage {
  const { metadata, spec, status } = message;
  const done = status?.phase === 'Completed' || status?.phase === 'Failed';
  return {
    apiVersion: message.apiVersion,
    kind: message.kind,
    metadata: projectMetadata(metadata),
    spec: done ? ({ ...spec, text: '', attachments: undefined } as AgentMessage['spec']) : spec,
    ...(status === undefined
      ? {}
      : {
          status: done
            ? ({ phase: status.phase, completedAt: status.completedAt } as AgentMessage['status'] & object)
            : status,
        }),
  };
}
