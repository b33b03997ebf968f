// By name, not as a whole: the build then leaves out the 5 MB of the package that are clients of each API group.
import { KubeConfig } from '@kubernetes/client-node';
import type { Proof, TlsMaterial } from './credentials.ts';

/**
 * The current context of a kubeconfig, with all ways to prove who is asking that `@kubernetes/client-node` knows:
 * certificates, tokens, files, plugins, OIDC.
 * @param path Absent, or several with `:` between: what kubectl would read.
 * @throws Error that says what the file lacks or has too much.
 */
export function readKubeconfig(path: string | undefined): { server: string; read: () => Promise<Proof> } {
  const config = new KubeConfig();
  if (path === undefined || path.includes(':')) config.loadFromDefault();
  else config.loadFromFile(path);
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    throw new Error(
      `kubeconfig ${path ?? '~/.kube/config'}: no current context with a cluster; set current-context`,
    );
  }
  if (cluster.proxyUrl) {
    throw new Error(`kubeconfig: cluster ${cluster.name} has a proxy-url, which is not supported; remove it`);
  }
  return { server: cluster.server, read: () => proofOf(config) };
}

async function proofOf(config: KubeConfig): Promise<Proof> {
  const options: TlsMaterial & { headers: Record<string, string>; auth?: string } = { headers: {} };
  await config.applyToHTTPSOptions(options);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers)) headers[name.toLowerCase()] = String(value);
  if (options.auth) headers.authorization ??= `Basic ${Buffer.from(options.auth).toString('base64')}`;
  const tls: TlsMaterial = {};
  if (options.ca !== undefined) tls.ca = options.ca;
  if (options.cert !== undefined) tls.cert = options.cert;
  if (options.key !== undefined) tls.key = options.key;
  if (options.servername !== undefined) tls.servername = options.servername;
  if (options.rejectUnauthorized !== undefined) tls.rejectUnauthorized = options.rejectUnauthorized;
  return { tls, headers };
}
