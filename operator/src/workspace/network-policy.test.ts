import { describe, expect, it } from 'vitest';
import { buildArchivePolicy, buildNetworkPolicy } from './network-policy.ts';

const inside = { namespace: 'dormouse-system', operatorOutside: false };
const release = { matchLabels: { 'kubernetes.io/metadata.name': 'dormouse-system' } };
const pods = (...values: string[]) => ({
  matchLabels: { 'app.kubernetes.io/name': 'dormouse' },
  matchExpressions: [{ key: 'app.kubernetes.io/component', operator: 'In', values }],
});

describe('the network policy of workspaces', () => {
  it('admits the pods of the operator and the gateway, on every TCP port, and nobody else of their namespace', () => {
    expect(buildNetworkPolicy('team', inside).spec?.ingress).toEqual([
      {
        from: [{ namespaceSelector: release, podSelector: pods('operator', 'gateway') }],
        ports: [{ protocol: 'TCP' }],
      },
    ]);
  });

  it('opens the port of the agent too where nobody can say where the operator comes from', () => {
    const { ingress } = buildNetworkPolicy('team', { ...inside, operatorOutside: true }).spec ?? {};
    expect(ingress?.at(-1)).toEqual({ ports: [{ port: 7070, protocol: 'TCP' }] });
    expect(ingress).toHaveLength(2);
  });

  it('lets workspaces out to the ports of the gateway that are for them, and to DNS: nowhere else', () => {
    const { egress, policyTypes } = buildNetworkPolicy('team', inside).spec ?? {};
    expect(policyTypes).toContain('Egress');
    const tcp = (port: number) => ({ port, protocol: 'TCP' });
    expect(egress?.[0]).toEqual({
      to: [{ namespaceSelector: release, podSelector: pods('gateway') }],
      ports: [tcp(8082), tcp(8083), tcp(8084)],
    });
    expect(egress?.[1]?.ports).toEqual([{ port: 53, protocol: 'UDP' }, tcp(53)]);
    // Not a rule without `to`, which would be everywhere.
    expect(egress?.[1]?.to).toHaveLength(2);
    expect(JSON.stringify(egress?.[1]?.to)).toContain('"except":["169.254.169.254/32"]');
    expect(egress).toHaveLength(2);
  });
});

describe('the network policy of archive pods', () => {
  it('lets them out to one port of the gateway and to DNS, and the operator in', () => {
    const { podSelector, ingress, egress, policyTypes } = buildArchivePolicy('team', inside).spec ?? {};
    expect(podSelector?.matchLabels).toMatchObject({ 'app.kubernetes.io/component': 'archive' });
    expect(policyTypes).toEqual(['Ingress', 'Egress']);
    expect(ingress).toEqual([
      {
        from: [{ namespaceSelector: release, podSelector: pods('operator') }],
        ports: [{ port: 7070, protocol: 'TCP' }],
      },
    ]);
    expect(egress?.[0]).toEqual({
      to: [{ namespaceSelector: release, podSelector: pods('gateway') }],
      ports: [{ port: 8084, protocol: 'TCP' }],
    });
    expect(egress).toHaveLength(2);
  });
});
