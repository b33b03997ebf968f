import type { AgentWorkspace } from '@dormouse/crds';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { classLikeDefault, defaultClass, type StoredClass } from '../support/classes.ts';
import { type KubernetesObject, reference } from '../support/cluster.ts';
import { operatorNamespace } from '../support/operator.ts';
import { suite } from '../support/suite.ts';
import type { Pod } from '../support/workspaces.ts';

const here = suite('egress');
let allowing: AsyncDisposable & { name: string };
/** The host of a server that stands for the world, and its address. */
let site: string;
let siteAddress: string;

beforeAll(async () => {
  const { cluster, workspaces } = here;
  const { namespace } = workspaces;
  site = `site.${namespace}.svc.cluster.local`;
  siteAddress = await serveSite();
  allowing = await classLikeDefault(cluster, namespace, (spec) => {
    spec.egress = {
      allow: [
        { host: site, ports: [8000] },
        { host: 'kubernetes.default.svc.cluster.local', ports: [443] },
      ],
    };
  });
  const service = { name: 'site', command: ['python3', '-m', 'http.server', '8000'], port: 8000 };
  const services = [{ ...service, restart: 'Always' }] as AgentWorkspace['spec']['services'];
  await workspaces.create('neighbour', { runPolicy: 'Always', ...(services ? { services } : {}) });
  await workspaces.create('out', { runPolicy: 'Always', classRef: { name: allowing.name } });
  await Promise.all(['neighbour', 'out'].map((name) => workspaces.ask(name, 'say: ready')));
});
afterAll(async () => {
  await allowing?.[Symbol.asyncDispose]();
});

/** A pod under no policy, behind a Service without an address of its own: its name stands for the pod's. */
async function serveSite(): Promise<string> {
  const { cluster, workspaces } = here;
  const { namespace } = workspaces;
  const { images } = (await defaultClass(cluster)).spec;
  const serve =
    'mkdir /tmp/site && cd /tmp/site && echo "from the world" > page.txt && exec python3 -m http.server 8000';
  await cluster.create({
    ...reference('v1', 'Service', 'site', namespace),
    spec: { clusterIP: 'None', selector: { app: 'site' }, ports: [{ port: 8000 }] },
  } as KubernetesObject);
  const pod = { ...reference('v1', 'Pod', 'site', namespace), spec: {} };
  await cluster.create({
    ...pod,
    metadata: { ...pod.metadata, labels: { app: 'site' } },
    spec: {
      terminationGracePeriodSeconds: 0,
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'site',
          image: images.workspace,
          imagePullPolicy: images.pullPolicy,
          command: ['bash', '-c', serve],
          readinessProbe: { tcpSocket: { port: 8000 }, periodSeconds: 1 },
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        },
      ],
    },
  } as KubernetesObject);
  const ready = await cluster.waitFor<KubernetesObject & Pod>(
    pod,
    'ready',
    (object) => object?.status?.containerStatuses?.[0]?.ready === true,
    90_000,
  );
  return ready?.status?.podIP ?? '';
}

/** As a tool call that a model asked for. */
const tool = (command: string) => here.workspaces.ask('out', `run: ${command}`);
const addressOf = async (workspace: string) => (await here.workspaces.pods(workspace))[0]?.status?.podIP;

describe('a workspace, directly', () => {
  /** What curl ends with when nothing came of a connection: refused, or no answer in time. */
  const nothing = /exit=(7|28)\b/;
  const directly = (url: string) => tool(`curl --noproxy '*' -k -s -o /dev/null -m 3 ${url}; echo exit=$?`);

  it('does not reach the world, which others in its namespace do', async () => {
    const { cluster, workspaces } = here;
    const pod = reference('v1', 'Pod', 'site', workspaces.namespace);
    const other = await cluster.exec(pod, 'site', [
      'curl',
      '-s',
      '-m',
      '3',
      `http://${siteAddress}:8000/page.txt`,
    ]);
    expect(other.stdout).toBe('from the world\n');
    expect(await directly(`http://${siteAddress}:8000/page.txt`)).toMatch(nothing);
    expect(await directly(`http://${site}:8000/page.txt`)).toMatch(nothing);
  });

  it('does not reach the API server, which other pods do', async () => {
    const { cluster, workspaces } = here;
    const pod = reference('v1', 'Pod', 'site', workspaces.namespace);
    const url = 'https://kubernetes.default.svc/version';
    const other = await cluster.exec(pod, 'site', ['curl', '-k', '-s', '-m', '10', '-o', '/dev/null', url]);
    expect(other.code).toBe(0);
    expect(await directly(url)).toMatch(nothing);
  });

  it('does not reach another workspace: neither its agent nor its services', async () => {
    const address = await addressOf('neighbour');
    expect(await directly(`http://${address}:7070/healthz`)).toMatch(nothing);
    expect(await directly(`http://${address}:8000/`)).toMatch(nothing);
  });

  it('does not reach the metadata of its machine', async () => {
    expect(await directly('http://169.254.169.254/')).toMatch(nothing);
  });

  it('reaches of the gateway nothing but what is for it', async () => {
    const gateways = await here.cluster.list<KubernetesObject & Pod>('v1', 'Pod', {
      namespace: operatorNamespace,
      labelSelector: 'app.kubernetes.io/component=gateway',
    });
    const address = gateways[0]?.status?.podIP;
    expect(await directly(`http://${address}:8080/`)).toMatch(nothing);
    expect(await directly(`http://${address}:8081/metrics`)).toMatch(nothing);
    expect(await directly(`http://${address}:8082/`)).toMatch(/exit=0\b/);
    expect(await directly(`http://${address}:8083/`)).toMatch(/exit=0\b/);
  });
});

describe('a workspace, by way of the gateway', () => {
  it('reaches what its class allows, by plain requests and by tunnels', async () => {
    expect(await tool(`curl -s http://${site}:8000/page.txt`)).toContain('from the world');
    expect(await tool(`curl -s --proxytunnel http://${site}:8000/page.txt`)).toContain('from the world');
  });

  it('reads pages with WebFetch from the untrusted container, where its class allows them', async () => {
    const fetched = (url: string) =>
      here.workspaces.ask('out', `tool WebFetch ${JSON.stringify({ url, prompt: 'say: read it' })}`);
    expect(await fetched(`http://${site}:8000/page.txt`)).toBe('read it');
    expect(await fetched('http://other.example:80/')).toContain('spec.egress.allow');
  });

  it('is told what to ask for where its class does not allow it, and so is whoever looks at Events', async () => {
    const { cluster, workspaces } = here;
    const text = await tool('curl -s -i http://other.example/');
    expect(text).toMatch(/HTTP\/1.1 403/);
    expect(text).toContain(`AgentWorkspaceClass ${allowing.name}`);
    expect(text).toContain('spec.egress.allow');
    const tunnel = await tool(
      'curl -s -v --proxytunnel http://tunnel.example:443/ 2>&1 | grep -i proxy-status',
    );
    expect(tunnel).toContain('spec.egress.allow');
    await vi.waitFor(
      async () => {
        const events = await cluster.events(workspaces.reference('out'));
        const refusals = events.filter(({ reason }) => reason === 'EgressRefused');
        const messages = refusals.map(({ message }) => message).join('\n');
        for (const part of ['other.example:80', 'tunnel.example:443', allowing.name, 'spec.egress.allow'])
          expect(messages).toContain(part);
      },
      { timeout: 20_000, interval: 500 },
    );
  });

  it('does not reach addresses inside, whatever name its class allows', async () => {
    const text = await tool(
      'curl -s -v --proxytunnel https://kubernetes.default.svc.cluster.local/ 2>&1 | grep -iE "HTTP/1.1|proxy-status"',
    );
    expect(text).toMatch(/HTTP\/1.1 403/);
    expect(text).toContain('destination_ip_prohibited');
    expect(await tool('curl -s -i http://169.254.169.254/latest/meta-data/')).toMatch(/HTTP\/1.1 403/);
  });

  it('does not reach another workspace, not even where its class names the address', async () => {
    const { cluster } = here;
    const address = (await addressOf('neighbour')) ?? '';
    const at = reference('dormouse.dev/v1alpha1', 'AgentWorkspaceClass', allowing.name);
    const before = (await cluster.get<StoredClass>(at))?.spec.egress.allow ?? [];
    const allow = [...before, { host: address, ports: [7070, 8000] }];
    await cluster.patch(at, { spec: { egress: { allow } } });
    for (const port of [7070, 8000]) {
      // Until the gateway has seen the class, it is refused for another reason.
      await vi.waitFor(
        async () => {
          const text = await tool(`curl -s -i http://${address}:${port}/`);
          expect(text).toMatch(/HTTP\/1.1 403/);
          expect(text).toContain('destination_ip_prohibited');
        },
        { timeout: 30_000, interval: 500 },
      );
    }
  });

  it('goes out as itself alone, and its key is not in its pod', async () => {
    const { cluster, workspaces } = here;
    const code = (user: string, key: string) =>
      tool(
        `at=\${http_proxy##*@}; key=\${http_proxy%@*}; key=\${key##*:}; curl -s -o /dev/null -w 'code=%{http_code}\\n' -x "http://${user}:${key}@$at" http://${site}:8000/page.txt`,
      );
    expect(await code(`${workspaces.namespace}.out`, '$key')).toContain('code=200');
    expect(await code(`${workspaces.namespace}.neighbour`, '$key')).toContain('code=407');
    expect(await code(`${workspaces.namespace}.out`, 'guess')).toContain('code=407');
    const key = /KEY=([0-9a-f]{64})/.exec(
      await tool('echo "KEY=$http_proxy" | sed "s/KEY=.*:\\(.*\\)@.*/KEY=\\1/"'),
    )?.[1];
    expect(key).toBeDefined();
    expect(JSON.stringify(await cluster.get(workspaces.pod('out')))).not.toContain(key);
  });

  it('reaches what is added to its class at once', async () => {
    const { cluster } = here;
    const added = 'curl -s -o /dev/null -w "code=%{http_code}" http://added.example/';
    expect(await tool(added)).toContain('code=403');
    const allow = [{ host: 'added.example', ports: [80] }];
    await cluster.patch(reference('dormouse.dev/v1alpha1', 'AgentWorkspaceClass', allowing.name), {
      spec: { egress: { allow } },
    });
    // There is no such name: it was let through the class, and then DNS did not know it.
    await vi.waitFor(async () => expect(await tool(added)).toContain('code=502'), {
      timeout: 30_000,
      interval: 500,
    });
  });
});
