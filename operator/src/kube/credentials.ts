import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';

/** What TLS needs to reach the server and to prove who is asking. */
export interface TlsMaterial {
  ca?: string | Buffer;
  cert?: string | Buffer;
  key?: string | Buffer;
  servername?: string;
  rejectUnauthorized?: boolean;
}

/** What is sent with requests, as of now. */
export interface Proof {
  tls: TlsMaterial;
  headers: Record<string, string>;
}

/** Where the API server is, and how to prove who is asking. */
export interface Credentials {
  /** `https://HOST:PORT`, perhaps with a path. */
  readonly server: string;
  /** The namespace of the context, or of the pod; absent where neither says one. */
  readonly namespace?: string;
  /** Cheap enough for every request. `renew` asks again where the last one was refused. */
  proof(renew?: boolean): Promise<Proof>;
}

export interface CredentialSources {
  /** A kubeconfig file. Absent: `KUBECONFIG`, else the pod's service account, else `~/.kube/config`. */
  kubeconfig?: string;
  /** A context of the kubeconfig. Default: its current one. */
  context?: string;
  env?: Record<string, string | undefined>;
  /** Where the pod's service account is mounted. */
  serviceAccount?: string;
  clock?: Clock;
}

const serviceAccountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Milliseconds that a proof is used before its file, plugin or provider is asked again; tokens outlive that by far. */
const proofLifetime = 30_000;

/** Rejects with an `Error` that says which file or variable is missing. */
export async function loadCredentials(sources: CredentialSources = {}): Promise<Credentials> {
  const env = sources.env ?? process.env;
  const clock = sources.clock ?? systemClock;
  const named = sources.kubeconfig ?? sources.context ?? env.KUBECONFIG;
  if (!named && env.KUBERNETES_SERVICE_HOST) {
    return inCluster(
      env.KUBERNETES_SERVICE_HOST,
      env.KUBERNETES_SERVICE_PORT ?? '443',
      sources.serviceAccount ?? serviceAccountFolder,
      clock,
    );
  }
  return fromKubeconfig(sources.kubeconfig ?? env.KUBECONFIG, sources.context, clock);
}

/**
 * A pod's own credentials need two files, so `@kubernetes/client-node` stays unloaded there: importing it costs 0.85 s
 * and 75 MB, in a bundle that has only what is used of it 0.05 s and 3 MB. The kubelet replaces the token long before it expires.
 */
async function inCluster(host: string, port: string, folder: string, clock: Clock): Promise<Credentials> {
  const ca = await readFile(join(folder, 'ca.crt'));
  const read = async (): Promise<Proof> => {
    const token = (await readFile(join(folder, 'token'), 'utf8')).trim();
    return { tls: { ca }, headers: { authorization: `Bearer ${token}` } };
  };
  const authority = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  // Not every pod is given it, and only a person who names none needs it.
  const namespace = await readFile(join(folder, 'namespace'), 'utf8').catch(() => '');
  return {
    server: `https://${authority}`,
    ...(namespace !== '' && { namespace: namespace.trim() }),
    proof: kept(read, clock, await read()),
  };
}

async function fromKubeconfig(
  files: string | undefined,
  context: string | undefined,
  clock: Clock,
): Promise<Credentials> {
  const { readKubeconfig } = await import('./kubeconfig.ts');
  const { read, ...place } = readKubeconfig(files, context);
  return { ...place, proof: kept(read, clock, await read()) };
}

/** Asks `read` at most every {@link proofLifetime}, once for all who wait; what cannot be read anew is used on. */
function kept(read: () => Promise<Proof>, clock: Clock, first: Proof): Credentials['proof'] {
  let current = first;
  let readAt = clock.monotonic();
  let reading: Promise<Proof> | undefined;
  const refresh = async (): Promise<Proof> => {
    try {
      current = await read();
    } finally {
      readAt = clock.monotonic();
      reading = undefined;
    }
    return current;
  };
  return async (renew = false) => {
    if (!renew && clock.monotonic() - readAt < proofLifetime) return current;
    reading ??= refresh();
    if (renew) return reading;
    try {
      return await reading;
    } catch {
      // The old token may still be good. If it is not, the server answers 401 and the caller renews, which does throw.
      return current;
    }
  };
}
