/** What the chart installs, as the release that the other tests use as well shows it, and as the real helm renders it. */
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { readConfig } from '../../gateway/src/config.ts';
import { defaultClass } from '../support/classes.ts';
import { type KubernetesObject, reference } from '../support/cluster.ts';
import { operatorNamespace } from '../support/operator.ts';
import { Release } from '../support/release.ts';
import { suite } from '../support/suite.ts';

const here = suite('chart');
let release: Release;
beforeAll(async () => {
  release = await Release.find(operatorNamespace);
});
afterAll(() => release?.forget());

/** Asks whether a service account of the release may do such as `get pods log` (verb, resource, subresource). */
function rightsOf(account: string) {
  const as = `--as=system:serviceaccount:${operatorNamespace}:${account}`;
  return async (right: string, namespace = here.workspaces.namespace): Promise<string> => {
    const [verb = '', resource = '', subresource = ''] = right.split(' ');
    const where = ['--subresource', subresource, '--namespace', namespace, as];
    const { stdout } = await here.cluster.kubectl(['auth', 'can-i', verb, resource, ...where]);
    return `${right}: ${stdout.trim()}`;
  };
}

describe('what the chart installs', () => {
  it('passes the Pod Security Standard restricted', async () => {
    const label = 'pod-security.kubernetes.io/enforce=restricted';
    const { code, stderr } = await here.cluster.kubectl([
      ...['label', '--dry-run=server', '--overwrite', 'namespace', operatorNamespace, label],
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('lets the operator do its work and nothing else', async () => {
    const may = rightsOf('dormouse-operator');
    for (const right of ['create pods', 'patch secrets', 'patch agentworkspaces.dormouse.dev status']) {
      expect(await may(right)).toBe(`${right}: yes`);
    }
    for (const right of [
      'get secrets',
      'list secrets',
      'create pods exec',
      'get pods proxy',
      'get pods log',
      'patch pods',
      'create agentworkspaces.dormouse.dev',
      'patch agentworkspaceclasses.dormouse.dev',
      'get configmaps',
      'get nodes',
      'create rolebindings.rbac.authorization.k8s.io',
    ]) {
      expect(await may(right)).toBe(`${right}: no`);
    }
    // The keys of providers are the gateway's alone.
    expect(await may('get secrets', operatorNamespace)).toBe('get secrets: no');
    expect(await may('list secrets', operatorNamespace)).toBe('list secrets: no');
  });

  it('lets the gateway ask who may do what, see where workspaces run and what they reach, and wake them; nothing else', async () => {
    const may = rightsOf('dormouse-gateway');
    for (const right of [
      'create tokenreviews.authentication.k8s.io',
      'create subjectaccessreviews.authorization.k8s.io',
      'patch agentworkspaces.dormouse.dev',
      'patch agentworkspaces.dormouse.dev status',
      'watch pods',
      'watch agentworkspaceclasses.dormouse.dev',
      'create events',
      'create agentmessages.dormouse.dev',
      'list agentmessages.dormouse.dev',
    ])
      expect(await may(right)).toBe(`${right}: yes`);
    for (const right of [
      'get secrets',
      'get pods log',
      'create pods exec',
      'patch pods',
      'list events',
      'patch agentworkspaceclasses.dormouse.dev',
      'patch agentmessages.dormouse.dev',
      'delete agentmessages.dormouse.dev',
      'delete agentworkspaces.dormouse.dev',
      'impersonate users',
      'update agentusages.dormouse.dev',
    ])
      expect(await may(right)).toBe(`${right}: no`);
    expect(await may('get secrets', operatorNamespace)).toBe('get secrets: yes');
    expect(await may('list secrets', operatorNamespace)).toBe('list secrets: no');
    expect(await may('update agentusages.dormouse.dev', operatorNamespace)).toContain('yes');
  });

  it('covers workspaces by view and edit, and classes by neither', async () => {
    const roleOf = async (name: string) =>
      here.cluster.get<
        KubernetesObject & { rules: { apiGroups?: string[]; resources?: string[]; verbs: string[] }[] }
      >(reference('rbac.authorization.k8s.io/v1', 'ClusterRole', name));
    const verbs = async (role: string, resource: string) =>
      new Set(
        (await roleOf(role))?.rules
          .filter(
            ({ apiGroups, resources }) =>
              apiGroups?.includes('dormouse.dev') && resources?.includes(resource),
          )
          .flatMap((rule) => rule.verbs),
      );
    expect([...(await verbs('view', 'agentmessages'))].sort()).toEqual(['get', 'list', 'watch']);
    expect(await verbs('edit', 'agentmessages')).toContain('create');
    for (const right of ['attach', 'message', 'approve']) {
      expect(await verbs('edit', `agentworkspaces/${right}`)).toContain(right);
      expect([...(await verbs('view', `agentworkspaces/${right}`))]).toEqual([]);
    }
    expect(await verbs('admin', 'agentworkspaces')).toContain('delete');
    expect(await verbs('admin', 'agentworkspaceclasses')).not.toContain('create');
    expect(await verbs('dormouse-platform', 'agentworkspaceclasses')).toContain('create');
    expect([...(await verbs('dormouse-platform', 'agentusages'))].sort()).toEqual(['get', 'list', 'watch']);
  });

  it('opens the demo model to the gateway and to no other pod, workspaces included', async () => {
    const { cluster, workspaces } = here;
    const { spec } = await defaultClass(here.cluster);
    // With a real provider there is no demo model, and nothing to shut off.
    if (!spec.model.baseUrl.includes('demo-model')) return;
    const code = `fetch('${spec.model.baseUrl}/healthz', { signal: AbortSignal.timeout(3000) })
      .then((answer) => console.log(answer.status), () => console.log('shut off'))`;
    const asked = async (name: string, labels: Record<string, string>) => {
      const pod = { ...workspaces.pod(name), metadata: { ...workspaces.pod(name).metadata, labels } };
      await cluster.create({
        ...pod,
        spec: {
          automountServiceAccountToken: false,
          terminationGracePeriodSeconds: 0,
          containers: [{ name: 'sh', image: spec.images.workspace, command: ['sleep', 'infinity'] }],
        },
      } as KubernetesObject);
      await cluster.waitFor<KubernetesObject & { status?: { phase?: string } }>(
        pod,
        'running',
        (found) => found?.status?.phase === 'Running',
      );
      const { stdout } = await cluster.exec(pod, 'sh', ['node', '-e', code]);
      await cluster.delete(pod);
      return stdout.trim();
    };
    const workspace = { 'app.kubernetes.io/name': 'dormouse', 'app.kubernetes.io/component': 'workspace' };
    expect(await asked('stranger', {})).toBe('shut off');
    expect(await asked('like-a-workspace', workspace)).toBe('shut off');
    await workspaces.create('by-the-gateway');
    expect(await workspaces.ask('by-the-gateway', 'say: reached')).toContain('reached');
  });

  it('is what the values say, with everything switched on', async () => {
    const text = await release.render([
      'demoModel.enabled=true',
      'metrics.serviceMonitor.enabled=true',
      'metrics.serviceMonitor.labels.prometheus=main',
      'masterKey.existingSecret=mine',
      'image.registry=registry.example.com/team',
      'image.tag=1.2.3',
      'image.pullSecrets[0].name=pull',
      'operator.replicas=1',
      'gateway.replicas=1',
      'gateway.origins[0]=https://console.example.com',
      'gateway.tracing.endpoint=http://collector.monitoring:4318',
      'gateway.tracing.ratio=0.25',
      'gateway.egress.denyCidrs={192.0.2.0/24,2001:db8::/32}',
      'gateway.egress.allowPrivateCidrs[0]=10.1.2.3/32',
      'defaultClass.egress.allow[0].host=registry.npmjs.org',
      'operator.priorityClassName=system-cluster-critical',
      'rbac.aggregate=false',
      'networkPolicies.enabled=false',
      'crds.install=false',
    ]);
    const objects = parseAllDocuments(text)
      .map((document) => document.toJS())
      .filter((object) => object !== null);
    const kinds = new Map(objects.map((object) => [`${object.kind}/${object.metadata.name}`, object]));
    expect(kinds.get('ServiceMonitor/dormouse-operator').metadata.labels.prometheus).toBe('main');
    const { spec } = kinds.get('Deployment/dormouse-operator').spec.template;
    expect(spec.containers[0].image).toBe('registry.example.com/team/operator:1.2.3');
    expect(spec.imagePullSecrets).toEqual([{ name: 'pull' }]);
    expect(spec.priorityClassName).toBe('system-cluster-critical');
    expect(spec.volumes[0].secret.secretName).toBe('mine');
    const gateway = kinds.get('Deployment/dormouse-gateway').spec.template.spec;
    expect(gateway.containers[0].image).toBe('registry.example.com/team/operator:1.2.3');
    expect(gateway.containers[0].env).toContainEqual({
      name: 'DORMOUSE_ORIGINS',
      value: 'https://console.example.com',
    });
    expect(gateway.containers[0].env).toContainEqual({
      name: 'DORMOUSE_TRACE_ENDPOINT',
      value: 'http://collector.monitoring:4318',
    });
    expect(gateway.containers[0].env).toContainEqual({ name: 'DORMOUSE_TRACE_RATIO', value: '0.25' });
    expect(gateway.containers[0].env).toContainEqual({
      name: 'DORMOUSE_EGRESS_DENY_CIDRS',
      value: '192.0.2.0/24,2001:db8::/32',
    });
    expect(gateway.containers[0].env).toContainEqual({
      name: 'DORMOUSE_EGRESS_ALLOW_PRIVATE_CIDRS',
      value: '10.1.2.3/32',
    });
    const standard = kinds.get('AgentWorkspaceClass/standard').spec;
    expect(standard.egress).toEqual({ allow: [{ host: 'registry.npmjs.org' }] });
    expect(gateway.volumes[0].secret.secretName).toBe('mine');
    expect(kinds.get('ServiceMonitor/dormouse-gateway').spec.endpoints[0].port).toBe('health');
    expect(standard.model.baseUrl).toContain('demo-model');
    const absent = ['NetworkPolicy', 'PodDisruptionBudget', 'CustomResourceDefinition'];
    expect(objects.filter(({ kind }) => absent.includes(kind))).toEqual([]);
    expect(text).not.toContain('aggregate-to');
  });

  it('sets the limits of the gateway by their names, each to what the gateway itself has', async () => {
    const settingsOf = async (set: string[]) => {
      const objects = parseAllDocuments(await release.render(set)).map((document) => document.toJS());
      const deployment = objects.find(
        (object) => object?.kind === 'Deployment' && object.metadata.name === 'dormouse-gateway',
      );
      const env: { name: string; value?: string }[] = deployment.spec.template.spec.containers[0].env;
      return Object.fromEntries(env.map(({ name, value }) => [name, value]));
    };
    const settings = await settingsOf([]);
    const required = { DORMOUSE_MASTER_KEY_FILE: settings.DORMOUSE_MASTER_KEY_FILE };
    expect(readConfig([], settings)).toEqual(readConfig([], required));
    const limits = {
      heldPerWorkspace: ['held-per-workspace', 1],
      held: ['held', 2],
      connectionsPerUser: ['connections-per-user', 3],
      connectionsPerWorkspace: ['connections-per-workspace', 4],
      maxBody: ['max-body', 16_777_216],
      idleTimeout: ['idle-timeout', '6s'],
      totalTimeout: ['total-timeout', '7s'],
      modelMaxBody: ['model-max-body', 8],
      modelBodies: ['model-bodies', 1_000_000_000],
      modelCallsPerWorkspace: ['model-calls-per-workspace', 10],
      modelIdleTimeout: ['model-idle-timeout', '11s'],
      modelTotalTimeout: ['model-total-timeout', '12s'],
      egressConnectionsPerWorkspace: ['egress-connections-per-workspace', 13],
      egressConnections: ['egress-connections', 14],
      egressIdleTimeout: ['egress-idle-timeout', '15s'],
    };
    const set = Object.entries(limits).map(([name, [, value]]) => `gateway.limits.${name}=${value}`);
    const flags = Object.values(limits).flatMap(([flag, value]) => [`--${flag}`, String(value)]);
    expect(readConfig([], await settingsOf(set))).toEqual(readConfig(flags, required));
    await expect(release.render(['gateway.limits.heldForever=1'])).rejects.toThrow('heldForever');
  });

  it('takes every example', async () => {
    const examples = fileURLToPath(new URL('../../examples/', import.meta.url));
    for (const file of (await readdir(examples)).filter((name) => name.endsWith('.yaml'))) {
      const { stderr } = await here.cluster.kubectl([
        ...[
          'create',
          '--dry-run=server',
          '--namespace',
          here.workspaces.namespace,
          '--filename',
          examples + file,
        ],
      ]);
      expect(stderr, file).toBe('');
    }
  });
});
