import { createHash } from 'node:crypto';
import { agentPort, gatewayAudience, identities, paths } from '@dormouse/agent-runtime/protocol';
import {
  type AgentWorkspace,
  apiVersion,
  type OwnerReference,
  templateHashAnnotation,
  workspaceLabel,
} from '@dormouse/crds';
import type { Desired, Pod } from '../kube/index.ts';
import { claimNameOf } from './claim.ts';
import type { EffectiveSpec } from './class.ts';
import { egressEnvironment, isEgressVariable } from './egress-environment.ts';
import { pluginVolumes } from './plugin-config.ts';

/** Marks pods that a NetworkPolicy and a disruption budget speak of. */
export const componentLabel = 'app.kubernetes.io/component';

/** What makes the API server's garbage collector remove an object after its workspace. */
export function ownerReference(workspace: AgentWorkspace): OwnerReference {
  return {
    apiVersion,
    kind: 'AgentWorkspace',
    name: workspace.metadata.name,
    uid: workspace.metadata.uid ?? '',
    controller: true,
    blockOwnerDeletion: false,
  };
}

export function isOwnedBy(
  object: { metadata: { ownerReferences?: OwnerReference[] } },
  uid: string,
): boolean {
  return (
    object.metadata.ownerReferences?.some((each) => each.controller === true && each.uid === uid) ?? false
  );
}

/** The Secret of a workspace: `config.json` and `key` for the container `agent`, `egress-proxy` for the container `workspace`. */
export function secretName(workspace: string): string {
  return `${workspace}-runtime`;
}

/** Of every container that has no reason for more. */
export const confined = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  seccompProfile: { type: 'RuntimeDefault' },
};

/**
 * Of a container whose processes are dumped and restored. It starts as root to become the user of the workspace with the one
 * right that criu needs (hack/image/with-process-images), and what runs in it has none; no profile of seccomp, since criu cannot take
 * one off a process that it dumps. See docs/concepts/process-images.md for what that costs.
 */
const dumpable = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'], add: ['CHECKPOINT_RESTORE', 'SETGID', 'SETPCAP', 'SETUID'] },
  runAsNonRoot: false,
  runAsUser: 0,
  runAsGroup: 0,
  seccompProfile: { type: 'Unconfined' },
};

/**
 * Says to the gateway which pod it is, and is good for nothing else: its audience is not the API server's. The kubelet renews it
 * when four fifths of its time are over.
 */
export const gatewayToken = { audience: gatewayAudience, expirationSeconds: 3600, path: 'token' };

/** Of the workspace image: what the container begins with in place of its entry point. */
const withProcessImages = '/opt/dormouse/with-process-images';

type Tolerations = NonNullable<NonNullable<Pod['spec']>['tolerations']>;
type Quantities = Record<string, string> | undefined;

/** Requests and limits as a class has them. */
export function requirements(
  of: { requests?: Quantities | undefined; limits?: Quantities | undefined } | undefined,
) {
  return {
    ...(of?.requests === undefined ? {} : { requests: of.requests }),
    ...(of?.limits === undefined ? {} : { limits: of.limits }),
  };
}

/**
 * The spec of the pod. Containers share nothing but the socket's folder; who may see what of the claim is decided by
 * mounts, not by modes. Passes the Pod Security Standard `restricted`, but for process images, which no standard below
 * `privileged` admits.
 */
export function podSpec(workspace: AgentWorkspace, effective: EffectiveSpec): NonNullable<Pod['spec']> {
  const { images, resources, runtimeClassName, nodeSelector, tolerations } = effective.class.spec;
  const { name } = workspace.metadata;
  const withImages = effective.processes === 'Restore';
  const plugins = pluginVolumes(workspace);
  const volume = {
    claim: 'claim',
    secret: 'runtime',
    token: 'gateway-token',
    socket: 'run',
    agentTmp: 'agent-tmp',
    tmp: 'tmp',
  };
  return {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    restartPolicy: 'Always',
    // agentd fsyncs before it acknowledges: nothing is gained by waiting for it to end.
    terminationGracePeriodSeconds: 5,
    hostname: name,
    ...(runtimeClassName === undefined ? {} : { runtimeClassName }),
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
    ...(tolerations === undefined ? {} : { tolerations: tolerations as Tolerations }),
    ...(images.pullSecrets === undefined ? {} : { imagePullSecrets: images.pullSecrets }),
    securityContext: {
      runAsNonRoot: true,
      fsGroup: identities.volumeGroup,
      // A volume of many files would otherwise be walked at every wake.
      fsGroupChangePolicy: 'OnRootMismatch',
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [
      {
        name: 'agent',
        image: images.agent,
        imagePullPolicy: images.pullPolicy,
        ports: [{ name: 'agent', containerPort: agentPort, protocol: 'TCP' }],
        resources: requirements(resources?.agent),
        securityContext: {
          ...confined,
          runAsUser: identities.agent,
          runAsGroup: identities.agent,
          readOnlyRootFilesystem: true,
        },
        readinessProbe: { httpGet: { path: '/readyz', port: agentPort }, periodSeconds: 5 },
        livenessProbe: {
          httpGet: { path: '/healthz', port: agentPort },
          periodSeconds: 10,
          timeoutSeconds: 5,
          failureThreshold: 6,
        },
        volumeMounts: [
          { name: volume.claim, mountPath: paths.state, subPath: 'state' },
          { name: volume.secret, mountPath: paths.secrets, readOnly: true },
          { name: volume.token, mountPath: paths.gatewayToken, readOnly: true },
          { name: volume.socket, mountPath: '/run/dormouse' },
          { name: volume.agentTmp, mountPath: '/tmp' },
          ...plugins.mounts,
        ],
      },
      {
        name: 'workspace',
        image: images.workspace,
        imagePullPolicy: images.pullPolicy,
        workingDir: paths.home,
        env: [
          { name: 'HOME', value: paths.home },
          ...egressEnvironment(secretName(name)),
          ...(workspace.spec.env ?? []).filter((each) => !isEgressVariable(each.name)),
        ],
        resources: requirements(resources?.workspace),
        ...(withImages ? { command: [withProcessImages] } : {}),
        securityContext: withImages
          ? dumpable
          : { ...confined, runAsUser: identities.workspace, runAsGroup: identities.workspace },
        volumeMounts: [
          { name: volume.claim, mountPath: paths.home, subPath: 'home' },
          { name: volume.claim, mountPath: paths.processes, subPath: 'processes' },
          { name: volume.claim, mountPath: paths.transcripts, subPath: 'state/transcripts', readOnly: true },
          { name: volume.claim, mountPath: paths.plugins, subPath: 'state/plugins', readOnly: true },
          { name: volume.socket, mountPath: '/run/dormouse' },
          // A file that a process has open must be there when it is restored.
          ...(withImages
            ? [
                { name: volume.claim, mountPath: '/tmp', subPath: 'tmp' },
                { name: volume.claim, mountPath: '/dev/shm', subPath: 'shm' },
              ]
            : [{ name: volume.tmp, mountPath: '/tmp' }]),
        ],
      },
    ],
    volumes: [
      { name: volume.claim, persistentVolumeClaim: { claimName: claimNameOf(workspace) } },
      { name: volume.secret, secret: { secretName: secretName(name), defaultMode: 0o440 } },
      { name: volume.token, projected: { sources: [{ serviceAccountToken: gatewayToken }] } },
      { name: volume.socket, emptyDir: {} },
      { name: volume.agentTmp, emptyDir: { sizeLimit: '256Mi' } },
      ...(withImages ? [] : [{ name: volume.tmp, emptyDir: {} }]),
      ...plugins.volumes,
    ],
  };
}

/** Which parts of a pod template differ is told to people, so each part has a hash of its own. */
export type TemplateHashes = Record<'images' | 'resources' | 'scheduling' | 'env' | 'rest', string>;

export function templateHashes(spec: NonNullable<Pod['spec']>): TemplateHashes {
  const { containers, nodeSelector, tolerations, runtimeClassName, ...rest } = spec;
  const hash = (value: unknown) =>
    createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 10);
  return {
    images: hash([containers.map((each) => [each.image, each.imagePullPolicy]), rest.imagePullSecrets]),
    resources: hash(containers.map((each) => each.resources)),
    scheduling: hash([nodeSelector, tolerations, runtimeClassName]),
    env: hash(containers.map((each) => each.env)),
    rest: hash([
      { ...rest, imagePullSecrets: undefined },
      containers.map((each) => ({ ...each, image: '', imagePullPolicy: '', resources: {}, env: [] })),
    ]),
  };
}

const namesOfParts: TemplateHashes = {
  images: 'images',
  resources: 'resources',
  scheduling: 'scheduling',
  env: 'env',
  rest: 'the shape of the pod (a new version of Dormouse)',
};

/** What differs between the annotation of a pod and the wanted template, in words; empty where nothing does. */
export function templateDifference(annotation: string | undefined, wanted: TemplateHashes): string[] {
  const written = new Map((annotation ?? '').split(',').map((part) => part.split('=') as [string, string]));
  return (Object.keys(wanted) as (keyof TemplateHashes)[])
    .filter((part) => written.get(part) !== wanted[part])
    .map((part) => namesOfParts[part]);
}

/**
 * The pod of a workspace, as it is created.
 * @param first what is done in it once, before anything else; no part of the template, so that the pod counts as current afterwards
 */
export function buildPod(
  workspace: AgentWorkspace,
  effective: EffectiveSpec,
  first?: Pick<NonNullable<Pod['spec']>, 'initContainers' | 'volumes'>,
): Desired<Pod> {
  const { name, namespace } = workspace.metadata;
  const spec = podSpec(workspace, effective);
  const hashes = templateHashes(spec);
  return {
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      labels: {
        [workspaceLabel]: name,
        'app.kubernetes.io/name': 'dormouse',
        [componentLabel]: 'workspace',
      },
      annotations: {
        [templateHashAnnotation]: Object.entries(hashes)
          .map(([part, hash]) => `${part}=${hash}`)
          .join(','),
        'kubectl.kubernetes.io/default-container': 'workspace',
      },
      ownerReferences: [ownerReference(workspace)],
    },
    spec:
      first === undefined
        ? spec
        : {
            ...spec,
            ...(first.initContainers === undefined ? {} : { initContainers: first.initContainers }),
            volumes: [...(spec.volumes ?? []), ...(first.volumes ?? [])],
          },
  };
}
