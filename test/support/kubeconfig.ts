import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

const kubeconfig = z.object({
  'current-context': z.string().min(1),
  contexts: z.array(
    z.object({ name: z.string(), context: z.object({ cluster: z.string(), user: z.string() }) }),
  ),
  clusters: z.array(
    z.object({
      name: z.string(),
      cluster: z.object({
        server: z.url(),
        'certificate-authority-data': z.string().optional(),
        'certificate-authority': z.string().optional(),
      }),
    }),
  ),
  users: z.array(
    z.object({
      name: z.string(),
      user: z.object({
        'client-certificate-data': z.string().optional(),
        'client-certificate': z.string().optional(),
        'client-key-data': z.string().optional(),
        'client-key': z.string().optional(),
        token: z.string().optional(),
      }),
    }),
  ),
});

/** What it takes to speak to one API server. Certificates and keys are PEM. */
export interface Access {
  server: string;
  ca?: string;
  cert?: string;
  key?: string;
  token?: string;
  /** The file this came from, for programs such as kubectl. */
  file: string;
}

/** Reads the current context of the file; client certificates and bearer tokens are known, plug-ins are not. */
export function readKubeconfig(file = process.env.KUBECONFIG ?? join(homedir(), '.kube', 'config')): Access {
  const config = kubeconfig.parse(parse(readFileSync(file, 'utf8')));
  const name = config['current-context'];
  const context = named(config.contexts, name).context;
  const { cluster } = named(config.clusters, context.cluster);
  const { user } = named(config.users, context.user);
  const access: Access = { server: cluster.server, file };
  const ca = pem(cluster['certificate-authority-data'], cluster['certificate-authority']);
  const cert = pem(user['client-certificate-data'], user['client-certificate']);
  const key = pem(user['client-key-data'], user['client-key']);
  if (ca !== undefined) access.ca = ca;
  if (cert !== undefined) access.cert = cert;
  if (key !== undefined) access.key = key;
  if (user.token !== undefined) access.token = user.token;
  return access;
}

function named<Item extends { name: string }>(items: Item[], name: string): Item {
  const item = items.find((candidate) => candidate.name === name);
  if (item === undefined) throw new Error(`the kubeconfig speaks of "${name}" and does not define it`);
  return item;
}

function pem(data: string | undefined, file: string | undefined): string | undefined {
  if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8');
  return file === undefined ? undefined : readFileSync(file, 'utf8');
}
