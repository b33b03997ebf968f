import { agentPort } from '@dormouse/agent-runtime/protocol';
import type { Desired, NetworkPolicy } from '../kube/index.ts';
import { componentLabel } from './pod.ts';

/**
 * One policy for all workspaces of a namespace. In: only from `from`, the namespace of the operator and the gateway, which
 * passes on what is for agentd and for declared services, on whatever port those listen. (Undefined: an operator outside
 * the cluster comes through the API server, whose address no selector names; then agentd's port alone is open, and its key
 * keeps everybody else out.) Out: everything but link-local addresses, where clouds serve instance credentials.
 */
export function buildNetworkPolicy(namespace: string, from: string | undefined): Desired<NetworkPolicy> {
  return {
    metadata: {
      name: 'dormouse-workspaces',
      namespace,
      labels: { 'app.kubernetes.io/name': 'dormouse' },
    },
    spec: {
      podSelector: { matchLabels: { [componentLabel]: 'workspace' } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        from === undefined
          ? { ports: [{ port: agentPort, protocol: 'TCP' }] }
          : {
              from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': from } } }],
              ports: [{ protocol: 'TCP' }],
            },
      ],
      egress: [
        {
          to: [
            { ipBlock: { cidr: '0.0.0.0/0', except: ['169.254.0.0/16'] } },
            { ipBlock: { cidr: '::/0', except: ['fe80::/10'] } },
          ],
        },
        // A node-local DNS cache listens on a link-local address.
        {
          ports: [
            { port: 53, protocol: 'UDP' },
            { port: 53, protocol: 'TCP' },
          ],
        },
      ],
    },
  };
}
