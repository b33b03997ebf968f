import { type Credentials, errorOf, KubeError, TransportError } from '@dormouse/operator/kube';
import { WebSocket } from 'ws';
import { cliVersion } from '../version.ts';
import { handshake, NotUpgraded } from '../websocket/handshake.ts';

/**
 * Opens one of the API server's streams (`pods/exec`, `pods/portforward`) as a WebSocket, whose messages each begin with a
 * byte that names their channel. It is paused.
 *
 * @param what the request in words, for errors: `exec pods/ada`
 * @param path path and query, escaped
 * @throws KubeError as the API server's other requests; the signal's reason
 */
export async function openChannels(
  credentials: Credentials,
  { what, path, protocol }: { what: string; path: string; protocol: string },
  signal: AbortSignal,
): Promise<WebSocket> {
  const url = credentials.server.replace(/^http/, 'ws').replace(/\/$/, '') + path;
  const open = async (renew: boolean) => {
    const { tls, headers } = await credentials.proof(renew);
    const socket = new WebSocket(url, [protocol], {
      ...tls,
      headers: { ...headers, 'user-agent': `dormouse-cli/${cliVersion}` },
      // What passes here is archives and pages: compressing it takes more time than it saves.
      perMessageDeflate: false,
    });
    return handshake(socket, signal);
  };
  try {
    return await open(false).catch((error) => {
      if (error instanceof NotUpgraded && error.status === 401) return open(true);
      throw error;
    });
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof KubeError) throw error;
    if (error instanceof NotUpgraded) throw errorOf(what, error.status, error.body);
    throw new TransportError(`${what}: ${(error as Error).message}`, error);
  }
}

/** The path of a stream of a pod. A value may be a list: it is given as often. */
export function podStreamPath(
  pod: { namespace: string; name: string },
  subresource: 'exec' | 'portforward',
  query: Record<string, string | readonly string[]>,
): string {
  const search = new URLSearchParams(
    Object.entries(query).flatMap(([name, value]) => [value].flat().map((each) => [name, each])),
  );
  const at = [pod.namespace, 'pods', pod.name].map(encodeURIComponent).join('/');
  return `/api/v1/namespaces/${at}/${subresource}?${search}`;
}
