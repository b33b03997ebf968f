/**
 * What workspaces and the gateway agree on: its ports; and where a workspace asks the model, the token that says which workspace it
 * is, and the header that says why the gateway itself refused.
 */

/** Ports of the gateway that workspaces reach, and the only ones: the model, the proxy to the outside, and archives. */
export const gatewayPorts = { model: 8082, egress: 8083, archive: 8084 } as const;

/** The URL of one of them. `host`: the gateway as workspaces find it, without a port. */
export function gatewayUrl(host: string, port: keyof typeof gatewayPorts): string {
  return `http://${host}:${gatewayPorts[port]}`;
}

/** The audience of the token that the kubelet mounts into the container `agent`: good at the gateway and nowhere else. */
export const gatewayAudience = 'dormouse-gateway';

/** On each answer that is the gateway's own and not the provider's; the value is one of {@link gatewayReasons}. */
export const reasonHeader = 'x-dormouse-reason';

/**
 * `CredentialMissing`: there is no key where the class says. `CredentialRefused`: the provider did not take the key a moment ago, so
 * it was not asked again. `ModelNotAllowed`: the class names others. `TokenBudgetSpent`, `CostBudgetSpent`: until midnight UTC. `Refused`:
 * anything else; the status says what.
 */
export const gatewayReasons = [
  'CredentialMissing',
  'CredentialRefused',
  'ModelNotAllowed',
  'TokenBudgetSpent',
  'CostBudgetSpent',
  'Refused',
] as const;
export type GatewayReason = (typeof gatewayReasons)[number];
