import { agentPort, gatewayPorts } from '@dormouse/agent-runtime/protocol';
import type { Desired, NetworkPolicy } from '../kube/index.ts';
import { componentLabel } from './pod.ts';

/** Where the parts run that workspaces deal with. */
export interface Release {
  /** The gateway and, unless it runs elsewhere, the operator. */
  namespace: string;
  /** The operator comes through the API server, whose address no selector names. */
  operatorOutside: boolean;
}

const dormouse = { 'app.kubernetes.io/name': 'dormouse' };

function podsOf(namespace: string, components: string[]) {
  return {
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
    podSelector: {
      matchLabels: dormouse,
      matchExpressions: [{ key: componentLabel, operator: 'In', values: components }],
    },
  };
}

/** Where a cluster's DNS is: its own pods, and the link-local addresses of caches on the nodes, without that of metadata. */
const dns = {
  to: [
    {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
      podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
    },
    { ipBlock: { cidr: '169.254.0.0/16', except: ['169.254.169.254/32'] } },
  ],
  ports: [
    { port: 53, protocol: 'UDP' },
    { port: 53, protocol: 'TCP' },
  ],
};

/**
 * One policy for all archive pods of a namespace. In: the operator, which asks how far they are. Out: the gateway, and of that what leads
 * to buckets; and DNS.
 */
export function buildArchivePolicy(
  namespace: string,
  { namespace: releaseNamespace, operatorOutside }: Release,
): Desired<NetworkPolicy> {
  return {
    metadata: { name: 'dormouse-archives', namespace, labels: dormouse },
    spec: {
      podSelector: { matchLabels: { ...dormouse, [componentLabel]: 'archive' } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        {
          ...(operatorOutside ? {} : { from: [podsOf(releaseNamespace, ['operator'])] }),
          ports: [{ port: agentPort, protocol: 'TCP' }],
        },
      ],
      egress: [
        {
          to: [podsOf(releaseNamespace, ['gateway'])],
          ports: [{ port: gatewayPorts.archive, protocol: 'TCP' }],
        },
        dns,
      ],
    },
  };
}

/**
 * One policy for all workspaces of a namespace. In: only the pods of the operator and the gateway, which passes on what is for
 * agentd and for declared services, on whatever port those listen. (For an operator outside, agentd's port is open to all, and its key
 * keeps everybody else out.) Out: the gateway, for the model and for what the class allows, and DNS.
 */
export function buildNetworkPolicy(
  namespace: string,
  { namespace: releaseNamespace, operatorOutside }: Release,
): Desired<NetworkPolicy> {
  return {
    metadata: { name: 'dormouse-workspaces', namespace, labels: dormouse },
    spec: {
      podSelector: { matchLabels: { [componentLabel]: 'workspace' } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        { from: [podsOf(releaseNamespace, ['operator', 'gateway'])], ports: [{ protocol: 'TCP' }] },
        ...(operatorOutside ? [{ ports: [{ port: agentPort, protocol: 'TCP' }] }] : []),
      ],
      egress: [
        {
          to: [podsOf(releaseNamespace, ['gateway'])],
          ports: Object.values(gatewayPorts).map((port) => ({ port, protocol: 'TCP' })),
        },
        dns,
      ],
    },
  };
}
