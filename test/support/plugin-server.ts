import { readFile } from 'node:fs/promises';
import type { Files } from '../../agent-runtime/src/agentd/testing/plugin-sources.ts';
import { defaultClass } from './classes.ts';
import { type Cluster, type KubernetesObject, reference } from './cluster.ts';
import type { Pod } from './workspaces.ts';

/** A git repository over HTTP and a registry over TLS, both in one pod, with the same plugin. */
export interface PluginServer {
  host: string;
  ports: { git: number; privateGit: number; registry: number };
  git: { url: string; commit: string };
  /** Another repository, for who shows `authorization`. */
  privateGit: { url: string; commit: string };
  oci: { reference: string; digest: string };
  /** Who trusts it believes the registry. */
  certificate: string;
}

const ports = { git: 8000, privateGit: 8001, registry: 8443 };
export const authorization = `Basic ${Buffer.from('reader:a-password').toString('base64')}`;
const sources = new URL('../../agent-runtime/src/agentd/testing/plugin-sources.ts', import.meta.url);

/** What the pod runs, with the module of the unit tests beside it. */
const program = `
  import { execFileSync } from 'node:child_process';
  import { readFileSync, writeFileSync } from 'node:fs';
  import { archiveOf, gitServer, registry } from '/sources/plugin-sources.ts';
  const host = process.env.SERVED_AS;
  const files = JSON.parse(readFileSync('/sources/files.json', 'utf8'));
  process.chdir('/tmp');
  const certificate = '-x509 -newkey rsa:2048 -nodes -days 1 -keyout key.pem -out cert.pem -subj /CN=plugins';
  execFileSync('openssl', ['req', ...certificate.split(' '), '-addext', 'subjectAltName=DNS:' + host]);
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => readFileSync(name, 'utf8'));
  const at = (port) => ({ address: '0.0.0.0', port, host });
  const git = await gitServer('/tmp/git', 'sha1', { at: at(${ports.git}) });
  const commit = await git.commit(files);
  const hidden = await gitServer('/tmp/private', 'sha256', {
    at: at(${ports.privateGit}), authorization: '${authorization}',
  });
  const privateGit = { url: hidden.url, commit: await hidden.commit(files) };
  const { bytes } = await archiveOf(files);
  const { reference, digest } = await registry(bytes, { at: at(${ports.registry}), tls: { key, cert } });
  const made = { git: { url: git.url, commit }, privateGit, oci: { reference, digest }, certificate: cert };
  writeFileSync('made.json', JSON.stringify(made));`;

/** Serves a plugin in a pod under no policy; its Service has the name of a host. */
export async function servePlugin(cluster: Cluster, namespace: string, files: Files): Promise<PluginServer> {
  const { images } = (await defaultClass(cluster)).spec;
  const name = 'plugins';
  const host = `${name}.${namespace}.svc.cluster.local`;
  await cluster.create({
    ...reference('v1', 'ConfigMap', name, namespace),
    data: {
      'plugin-sources.ts': await readFile(sources, 'utf8'),
      'main.mjs': program,
      'files.json': JSON.stringify(files),
    },
  } as KubernetesObject);
  await cluster.create({
    ...reference('v1', 'Service', name, namespace),
    spec: {
      clusterIP: 'None',
      selector: { app: name },
      ports: Object.entries(ports).map(([each, port]) => ({ name: each.toLowerCase(), port })),
    },
  } as KubernetesObject);
  const pod = reference('v1', 'Pod', name, namespace);
  await cluster.create({
    ...pod,
    metadata: { ...pod.metadata, labels: { app: name } },
    spec: {
      terminationGracePeriodSeconds: 0,
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name,
          image: images.workspace,
          imagePullPolicy: images.pullPolicy,
          command: ['node', '/sources/main.mjs'],
          env: [{ name: 'SERVED_AS', value: host }],
          readinessProbe: { exec: { command: ['test', '-s', '/tmp/made.json'] }, periodSeconds: 1 },
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
          volumeMounts: [{ name: 'sources', mountPath: '/sources' }],
        },
      ],
      volumes: [{ name: 'sources', configMap: { name } }],
    },
  } as unknown as KubernetesObject);
  await cluster.waitFor<KubernetesObject & Pod>(
    pod,
    'ready',
    (object) => object?.status?.containerStatuses?.[0]?.ready === true,
    90_000,
  );
  const made = await cluster.exec(pod, name, ['cat', '/tmp/made.json']);
  return { host, ports, ...JSON.parse(made.stdout) };
}
