import { readFile } from 'node:fs/promises';
import type { Files } from '../../agent-runtime/src/agentd/testing/plugin-sources.ts';
import { defaultClass } from './classes.ts';
import { type Cluster, type KubernetesObject, reference } from './cluster.ts';
import type { Pod } from './workspaces.ts';

/** A git repository over HTTP and a registry over TLS, both in one pod, with the same plugin. */
export interface PluginServer {
  host: string;
  ports: { git: number; registry: number };
  git: { url: string; commit: string };
  oci: { reference: string; digest: string };
  /** Who trusts it believes the registry. */
  certificate: string;
}

const ports = { git: 8000, registry: 8443 };
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
  const git = await gitServer('/tmp/git', 'sha1', { address: '0.0.0.0', port: ${ports.git}, host });
  const commit = await git.commit(files);
  const { bytes } = await archiveOf(files);
  const at = { address: '0.0.0.0', port: ${ports.registry}, host };
  const { reference, digest } = await registry(bytes, { at, tls: { key, cert } });
  const made = { git: { url: git.url, commit }, oci: { reference, digest }, certificate: cert };
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
      ports: Object.entries(ports).map(([each, port]) => ({ name: each, port })),
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
