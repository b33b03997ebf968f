import { createHmac } from 'node:crypto';

/**
 * The key that `agentd` knows the operator and the gateway by: HMAC-SHA256 of the workspace's identity under the master
 * key, in hex. Whoever holds the master key can compute it, so nobody has to read the workspace's Secret.
 */
export function agentKey(
  masterKey: Uint8Array | string,
  { namespace, name, uid }: { namespace?: string; name: string; uid?: string },
): string {
  return createHmac('sha256', masterKey).update(`${namespace}/${name}/${uid}`).digest('hex');
}
