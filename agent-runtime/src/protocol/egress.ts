import { createHmac } from 'node:crypto';

/** The entry of a workspace's Secret that holds its {@link egressProxy}. */
export const egressProxyEntry = 'egress-proxy';

/**
 * On the loopback of a pod with process images: the proxy that adds the key. It is the same in every pod, since what was dumped
 * remembers it. No service may have it.
 */
export const wayOutPort = 7071;

interface Identity {
  namespace?: string;
  name: string;
  uid?: string;
}

/**
 * The key that a workspace goes out by: HMAC-SHA256 under the master key, in hex. What is hashed begins with a word that no
 * namespace can have in its name, so the key is no use to anybody as the key of an `agentd`.
 */
export function egressKey(masterKey: Uint8Array | string, { namespace, name, uid }: Identity): string {
  return createHmac('sha256', masterKey).update(`egress:${namespace}/${name}/${uid}`).digest('hex');
}

/** The proxy of a workspace as `HTTPS_PROXY` takes it: the gateway's URL with `NAMESPACE.NAME` and the key in it. */
export function egressProxy(gateway: string, masterKey: Uint8Array | string, workspace: Identity): string {
  const url = new URL(gateway);
  // Neither name has a dot in it.
  url.username = `${workspace.namespace}.${workspace.name}`;
  url.password = egressKey(masterKey, workspace);
  return url.href.replace(/\/$/, '');
}
