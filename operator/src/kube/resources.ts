import type {
  AgentCheckpoint,
  AgentMessage,
  AgentUsage,
  AgentWorkspace,
  AgentWorkspaceClass,
} from '@dormouse/crds';
import { group, version } from '@dormouse/crds';
import type {
  CoreV1Event,
  V1Lease,
  V1Namespace,
  V1NetworkPolicy,
  V1PersistentVolumeClaim,
  V1Pod,
  V1Secret,
  V1SubjectAccessReview,
  V1TokenReview,
} from '@kubernetes/client-node';
import type { KubeObject, WireObject } from './object.ts';

export type Pod = WireObject<V1Pod>;
export type PersistentVolumeClaim = WireObject<V1PersistentVolumeClaim>;
export type Secret = WireObject<V1Secret>;
export type Event = WireObject<CoreV1Event>;
export type Lease = WireObject<V1Lease>;
export type NetworkPolicy = WireObject<V1NetworkPolicy>;
export type Namespace = WireObject<V1Namespace>;
export type TokenReview = WireObject<V1TokenReview>;
export type SubjectAccessReview = WireObject<V1SubjectAccessReview>;

/** A snapshot of a claim's volume, as the snapshot controller defines it; only what is read or written here. */
export interface VolumeSnapshot extends KubeObject {
  spec: {
    source: { persistentVolumeClaimName?: string; volumeSnapshotContentName?: string };
    volumeSnapshotClassName?: string;
  };
  status?: {
    /** What the storage knows it by. */
    boundVolumeSnapshotContentName?: string;
    /** The instant that the snapshot shows. Absent: not cut yet, the volume must not change. */
    creationTime?: string;
    /** Whether a volume can be made from it. */
    readyToUse?: boolean;
    /** The least size of such a volume. */
    restoreSize?: string;
    /** Of the last try; it is tried again. */
    error?: { message?: string };
  };
}

/** The storage's side of a VolumeSnapshot; only what is read or written here. */
export interface VolumeSnapshotContent extends KubeObject {
  spec: {
    driver: string;
    deletionPolicy: 'Delete' | 'Retain';
    source: { snapshotHandle?: string; volumeHandle?: string };
    volumeSnapshotClassName?: string;
    sourceVolumeMode?: string;
    volumeSnapshotRef: { apiVersion?: string; kind?: string; namespace?: string; name?: string };
  };
  status?: { snapshotHandle?: string };
}

/** One kind of the API: where its objects live, and of which type they are. */
export interface Resource<T extends KubeObject> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** As in the path and in RBAC. */
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Tells the compiler the type of the objects; never set. */
  readonly type?: T;
}

function resource<T extends KubeObject>(
  groupVersion: string,
  plural: string,
  kind: string,
  scope: 'Namespaced' | 'Cluster' = 'Namespaced',
): Resource<T> {
  const slash = groupVersion.indexOf('/');
  return {
    group: slash < 0 ? '' : groupVersion.slice(0, slash),
    version: groupVersion.slice(slash + 1),
    plural,
    kind,
    namespaced: scope === 'Namespaced',
  };
}

const own = `${group}/${version}`;

/** Every kind that the operator or the gateway reads or writes; RBAC in the chart names the same. */
export const resources = {
  workspaces: resource<AgentWorkspace>(own, 'agentworkspaces', 'AgentWorkspace'),
  classes: resource<AgentWorkspaceClass>(own, 'agentworkspaceclasses', 'AgentWorkspaceClass', 'Cluster'),
  checkpoints: resource<AgentCheckpoint>(own, 'agentcheckpoints', 'AgentCheckpoint'),
  messages: resource<AgentMessage>(own, 'agentmessages', 'AgentMessage'),
  usages: resource<AgentUsage>(own, 'agentusages', 'AgentUsage'),
  pods: resource<Pod>('v1', 'pods', 'Pod'),
  persistentVolumeClaims: resource<PersistentVolumeClaim>(
    'v1',
    'persistentvolumeclaims',
    'PersistentVolumeClaim',
  ),
  volumeSnapshots: resource<VolumeSnapshot>(
    'snapshot.storage.k8s.io/v1',
    'volumesnapshots',
    'VolumeSnapshot',
  ),
  volumeSnapshotContents: resource<VolumeSnapshotContent>(
    'snapshot.storage.k8s.io/v1',
    'volumesnapshotcontents',
    'VolumeSnapshotContent',
    'Cluster',
  ),
  secrets: resource<Secret>('v1', 'secrets', 'Secret'),
  events: resource<Event>('v1', 'events', 'Event'),
  namespaces: resource<Namespace>('v1', 'namespaces', 'Namespace', 'Cluster'),
  leases: resource<Lease>('coordination.k8s.io/v1', 'leases', 'Lease'),
  networkPolicies: resource<NetworkPolicy>('networking.k8s.io/v1', 'networkpolicies', 'NetworkPolicy'),
  tokenReviews: resource<TokenReview>('authentication.k8s.io/v1', 'tokenreviews', 'TokenReview', 'Cluster'),
  subjectAccessReviews: resource<SubjectAccessReview>(
    'authorization.k8s.io/v1',
    'subjectaccessreviews',
    'SubjectAccessReview',
    'Cluster',
  ),
} as const;

/** `v1`, `apps/v1`, as an object's `apiVersion`. */
export function apiVersionOf(of: Resource<KubeObject>): string {
  return of.group === '' ? of.version : `${of.group}/${of.version}`;
}

/** The path of a collection (no `name`), of an object, or of its subresource. Every part is escaped. */
export function pathOf(
  of: Resource<KubeObject>,
  at: { namespace?: string; name?: string; subresource?: 'status' } = {},
): string {
  const parts = of.group === '' ? ['api', of.version] : ['apis', of.group, of.version];
  if (of.namespaced && at.namespace !== undefined) parts.push('namespaces', at.namespace);
  parts.push(of.plural);
  if (at.name !== undefined) {
    if (of.namespaced && at.namespace === undefined)
      throw new TypeError(`${of.kind} ${at.name}: a namespace is needed`);
    parts.push(at.name);
  }
  if (at.subresource !== undefined) parts.push(at.subresource);
  return `/${parts.map(segment).join('/')}`;
}

/** `encodeURIComponent` leaves `.` and `..` alone, and a server may resolve them. */
function segment(part: string): string {
  if (part === '' || part === '.' || part === '..')
    throw new TypeError(`not a name: ${JSON.stringify(part)}`);
  return encodeURIComponent(part);
}
