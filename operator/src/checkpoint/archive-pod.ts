import {
  type ArchivePart,
  agentPort,
  archivePodName,
  archiverVariables,
  archiveSecretEntries,
  gatewayUrl,
  identities,
  paths,
} from '@dormouse/agent-runtime/protocol';
import {
  type AgentWorkspace,
  type AgentWorkspaceStatus,
  checkpointAnnotation,
  workspaceLabel,
} from '@dormouse/crds';
import type { Desired, Pod } from '../kube/index.ts';
import { claimNameOf } from '../workspace/claim.ts';
import type { EffectiveSpec } from '../workspace/class.ts';
import { componentLabel, confined, gatewayToken, ownerReference, requirements } from '../workspace/pod.ts';
import { archiveSecretName } from './archive-secret.ts';

type PodSpec = NonNullable<Pod['spec']>;
type Container = PodSpec['containers'][number];
type Volume = NonNullable<PodSpec['volumes']>[number];
export type ArchiveSource = NonNullable<NonNullable<AgentWorkspaceStatus['forkedFrom']>['archive']>;

const volume = {
  ...{ claim: 'claim', secret: 'archive', token: 'archive-token', scratch: 'archive-scratch' },
  previous: 'previous-claim',
};
const secretFolder = '/etc/dormouse-archive';

/** Where an archive lies, for who reads or writes it. */
export type ArchiveAt =
  | {
      place: 'Bucket';
      gatewayHost: string;
      repository: string;
      entry: (typeof archiveSecretEntries)[keyof typeof archiveSecretEntries];
    }
  /** Beside the files. `quota` in bytes; `previous`: the claim that it comes from, where a rewind fills another. */
  | { place: 'Volume'; quota?: number; previous?: string };

interface Task {
  name: string;
  part: ArchivePart;
  task: 'archive' | 'restore';
  /** Of the class: the image of the agent, which never runs what a model wrote, has the archiver. */
  effective: EffectiveSpec;
  at: ArchiveAt;
  more: { name: string; value: string }[];
}

/** The folders of archives on a volume: nothing of the workspace's own pod mounts them. */
const archiveFolder = (part: ArchivePart) => `archive-${part}`;
const mounted = { own: '/archive', previous: '/previous-archive' };

/** One half of the volume, by the user that it belongs to: no other could read all of it without rights that reach beyond the volume. */
function archiver({ name, part, task, effective, at, more }: Task): Container {
  const { images, resources } = effective.class.spec;
  const writes = task === 'restore';
  const uid = part === 'state' ? identities.agent : identities.workspace;
  const mount = (which: ArchivePart, mountPath: string) => ({
    ...{ name: volume.claim, mountPath, subPath: which },
    ...(writes && part === which ? {} : { readOnly: true }),
  });
  return {
    name,
    image: images.agent,
    imagePullPolicy: images.pullPolicy,
    command: ['/usr/local/bin/node', '/app/archiver/main.js'],
    env: [
      { name: archiverVariables.task, value: task },
      { name: archiverVariables.part, value: part },
      ...variablesOf(at),
      ...more,
    ],
    ports: [{ containerPort: agentPort, protocol: 'TCP' }],
    // What the tools may take is what their files take to be read.
    resources: requirements(resources?.workspace),
    securityContext: { ...confined, runAsUser: uid, runAsGroup: uid, readOnlyRootFilesystem: true },
    volumeMounts: [
      // Whoever restores looks at the mark among what the agent keeps.
      ...(part === 'state' || writes ? [mount('state', paths.state)] : []),
      ...(part === 'home' ? [mount('home', paths.home)] : []),
      ...mountsOf(at, part),
      { name: volume.scratch, mountPath: '/tmp' },
    ],
  };
}

function variablesOf(at: ArchiveAt): { name: string; value: string }[] {
  if (at.place === 'Bucket')
    return [
      { name: archiverVariables.gateway, value: gatewayUrl(at.gatewayHost, 'archive') },
      { name: archiverVariables.repository, value: at.repository },
      { name: archiverVariables.password, value: `${secretFolder}/${at.entry}` },
    ];
  return [
    { name: archiverVariables.folder, value: mounted.own },
    ...(at.quota === undefined ? [] : [{ name: archiverVariables.quota, value: String(at.quota) }]),
    ...(at.previous === undefined ? [] : [{ name: archiverVariables.source, value: mounted.previous }]),
  ];
}

function mountsOf(at: ArchiveAt, part: ArchivePart): NonNullable<Container['volumeMounts']> {
  if (at.place === 'Bucket')
    return [
      { name: volume.secret, mountPath: secretFolder, readOnly: true },
      { name: volume.token, mountPath: paths.gatewayToken, readOnly: true },
    ];
  const subPath = archiveFolder(part);
  return [
    { name: volume.claim, mountPath: mounted.own, subPath },
    ...(at.previous === undefined
      ? []
      : [{ name: volume.previous, mountPath: mounted.previous, subPath, readOnly: true }]),
  ];
}

/** @param secret of the passwords, where it lies in a bucket */
function archiveVolumes(at: ArchiveAt, secret: NonNullable<Volume['secret']>): Volume[] {
  const scratch: Volume = { name: volume.scratch, emptyDir: {} };
  if (at.place === 'Bucket')
    return [
      { name: volume.secret, secret: { ...secret, defaultMode: 0o440 } },
      { name: volume.token, projected: { sources: [{ serviceAccountToken: gatewayToken }] } },
      scratch,
    ];
  if (at.previous === undefined) return [scratch];
  const claimName = at.previous;
  return [{ name: volume.previous, persistentVolumeClaim: { claimName } }, scratch];
}

/**
 * What the pod of a fork, or of a rewind, does before anything else starts: it fills the volume from the archive. The agent's half
 * comes last.
 */
export function restoring(
  workspace: AgentWorkspace,
  effective: EffectiveSpec,
  at: ArchiveAt,
  { snapshots, passwordSecretRef }: Pick<ArchiveSource, 'snapshots' | 'passwordSecretRef'>,
): { initContainers: Container[]; volumes: Volume[] } {
  const half = (part: ArchivePart) =>
    archiver({
      ...{ name: `restore-${part}`, part, task: 'restore', effective, at },
      more: [{ name: archiverVariables.snapshot, value: snapshots[part] }],
    });
  return {
    initContainers: [half('home'), half('state')],
    volumes: archiveVolumes(
      at,
      passwordSecretRef === undefined
        ? { secretName: archiveSecretName(workspace.metadata.name) }
        : {
            secretName: passwordSecretRef.name,
            items: [{ key: passwordSecretRef.key, path: archiveSecretEntries.source }],
          },
    ),
  };
}

/**
 * The pod that archives a workspace while it sleeps. It sees files and conversations read-only, has no Kubernetes token and no key
 * of a bucket, and of the network the gateway alone. Passes the Pod Security Standard `restricted`.
 * @param keep snapshots that checkpoints name
 */
export function buildArchivePod(
  workspace: AgentWorkspace,
  effective: EffectiveSpec,
  { checkpoint, at, keep, timeout }: { checkpoint: string; at: ArchiveAt; keep: string[]; timeout: number },
): Desired<Pod> {
  const { name, namespace } = workspace.metadata;
  const { images, runtimeClassName, nodeSelector, tolerations } = effective.class.spec;
  const half = (part: ArchivePart) =>
    archiver({
      ...{ name: part, part, task: 'archive', effective, at },
      more: [{ name: archiverVariables.keep, value: keep.join(',') }],
    });
  return {
    metadata: {
      name: archivePodName(name),
      ...(namespace === undefined ? {} : { namespace }),
      labels: {
        [workspaceLabel]: name,
        'app.kubernetes.io/name': 'dormouse',
        [componentLabel]: 'archive',
      },
      annotations: { [checkpointAnnotation]: checkpoint },
      ownerReferences: [ownerReference(workspace)],
    },
    spec: {
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 1,
      activeDeadlineSeconds: Math.max(1, Math.floor(timeout / 1000)),
      hostname: 'archive',
      ...(runtimeClassName === undefined ? {} : { runtimeClassName }),
      ...(nodeSelector === undefined ? {} : { nodeSelector }),
      ...(tolerations === undefined
        ? {}
        : { tolerations: tolerations as NonNullable<PodSpec['tolerations']> }),
      ...(images.pullSecrets === undefined ? {} : { imagePullSecrets: images.pullSecrets }),
      securityContext: {
        runAsNonRoot: true,
        fsGroup: identities.volumeGroup,
        fsGroupChangePolicy: 'OnRootMismatch',
        seccompProfile: { type: 'RuntimeDefault' },
      },
      initContainers: [half('state')],
      containers: [half('home')],
      volumes: [
        { name: volume.claim, persistentVolumeClaim: { claimName: claimNameOf(workspace) } },
        ...archiveVolumes(at, { secretName: archiveSecretName(name) }),
      ],
    },
  };
}
