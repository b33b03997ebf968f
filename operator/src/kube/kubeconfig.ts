import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
// By name, not as a whole: the build then leaves out the 5 MB of the package that are clients of each API group.
import { KubeConfig } from '@kubernetes/client-node';
import type { Proof, TlsMaterial } from './credentials.ts';

/** One context of a kubeconfig: where its server is, its namespace where it names one, and how to prove who is asking. */
interface KubeconfigContext {
  server: string;
  namespace?: string;
  read: () => Promise<Proof>;
}

/**
 * A context of a kubeconfig, with all ways to prove who is asking that `@kubernetes/client-node` knows: certificates,
 * tokens, files, plugins, OIDC.
 * @param files One or, as in `KUBECONFIG`, several. Absent: `~/.kube/config`.
 * @param context Absent: the current one.
 * @throws Error that says what the files lack or have too much.
 */
export function readKubeconfig(files: string | undefined, context?: string): KubeconfigContext {
  const { config, said } = load(files || join(homedir(), '.kube', 'config'));
  if (context !== undefined) config.setCurrentContext(context);
  const current = config.getContextObject(config.currentContext);
  if (current === null) {
    const known = config.contexts.map(({ name }) => name).join(', ') || 'none';
    throw new Error(
      config.currentContext
        ? `kubeconfig ${said} has no context "${config.currentContext}"; it has: ${known}`
        : `kubeconfig ${said}: no current context; set current-context to one of: ${known}`,
    );
  }
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    throw new Error(
      `kubeconfig ${said}: context "${current.name}" speaks of a cluster "${current.cluster}" that is not there; define it`,
    );
  }
  if (cluster.proxyUrl) {
    throw new Error(`kubeconfig: cluster ${cluster.name} has a proxy-url, which is not supported; remove it`);
  }
  return {
    server: cluster.server,
    ...(current.namespace && { namespace: current.namespace }),
    read: () => proofOf(config),
  };
}

/**
 * As kubectl merges several: of everything with a name, and of the current context, the first file that has it counts; a
 * file that is not there counts as empty. (The package's own merge lets the last one win and refuses what is there twice.)
 */
function load(files: string): { config: KubeConfig; said: string } {
  const named = files.split(delimiter).filter(Boolean);
  const said = named.join(delimiter);
  const present = named.filter((file) => existsSync(file));
  if (present.length === 0) throw new Error(`kubeconfig ${said} does not exist`);
  const config = new KubeConfig();
  config.loadFromOptions({ clusters: [], users: [], contexts: [], currentContext: '' });
  for (const file of present) {
    const next = new KubeConfig();
    try {
      next.loadFromFile(file);
    } catch (error) {
      throw new Error(`kubeconfig ${file} cannot be read: ${(error as Error).message}`, { cause: error });
    }
    config.currentContext ||= next.currentContext ?? '';
    config.clusters = firstOfName(config.clusters, next.clusters);
    config.users = firstOfName(config.users, next.users);
    config.contexts = firstOfName(config.contexts, next.contexts);
  }
  return { config, said };
}

function firstOfName<Item extends { name: string }>(known: Item[], further: Item[] | undefined): Item[] {
  return [...known, ...(further ?? []).filter(({ name }) => !known.some((item) => item.name === name))];
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
