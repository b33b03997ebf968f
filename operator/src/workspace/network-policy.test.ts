import { describe, expect, it } from 'vitest';
import { buildNetworkPolicy } from './network-policy.ts';

describe('the network policy of workspaces', () => {
  it('admits the namespace of the operator and the gateway, on every TCP port, and nobody else', () => {
    expect(buildNetworkPolicy('team', 'dormouse-system').spec?.ingress).toEqual([
      {
        from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'dormouse-system' } } }],
        ports: [{ protocol: 'TCP' }],
      },
    ]);
  });

  it('opens the port of the agent alone where nobody can say where the operator comes from', () => {
    expect(buildNetworkPolicy('team', undefined).spec?.ingress).toEqual([
      { ports: [{ port: 7070, protocol: 'TCP' }] },
    ]);
  });
});
