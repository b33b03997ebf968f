import type { KubeClient } from '@dormouse/operator/kube';
import { Failure } from '../failure.ts';
import { readPublication } from './publication.ts';

/** A way to the gateway, and who said so. */
export type Way =
  | { kind: 'url'; url: URL; said: string }
  /** By way of the API server to one of its pods in this namespace. */
  | { kind: 'forward'; namespace: string };

/** Where the chart puts the gateway unless told otherwise. */
const usualNamespace = 'dormouse-system';

/**
 * The way that the person names (`--gateway`, `DORMOUSE_GATEWAY`), else the one that the installation publishes, else
 * through the API server.
 * @throws Failure `usage` where what the person names is no URL; KubeError
 */
export async function findWay(
  kube: Pick<KubeClient, 'get'>,
  named: { option: string | undefined; environment: string | undefined },
  signal: AbortSignal,
): Promise<Way> {
  if (named.option !== undefined) return { kind: 'url', url: urlOf(named.option), said: '--gateway' };
  if (named.environment) return { kind: 'url', url: urlOf(named.environment), said: '$DORMOUSE_GATEWAY' };
  const published = await readPublication(kube, signal);
  if (published?.url !== undefined)
    return { kind: 'url', url: new URL(published.url), said: 'the installation' };
  return { kind: 'forward', namespace: published?.namespace ?? usualNamespace };
}

function urlOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol)) return url;
  throw new Failure('usage', `"${text}" is no URL of a gateway`, [
    'It begins with https:// (or http://), such as https://dormouse.example.com',
  ]);
}

/** Whether whoever listens on the way there could read the token. */
export function isExposed({ protocol, hostname }: URL): boolean {
  return protocol === 'http:' && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}
