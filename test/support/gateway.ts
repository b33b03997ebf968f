import { setTimeout as pause } from 'node:timers/promises';
import { sentToAnnotation } from '@dormouse/crds';
import { type Cluster, type KubernetesObject, reference } from './cluster.ts';
import { operatorNamespace } from './operator.ts';
import { PortForward } from './port-forward.ts';
import type { Pod } from './workspaces.ts';

/** The installed gateway, reached through `kubectl port-forward`: `await using door = await GatewayForward.open(cluster)`. */
export class GatewayForward implements AsyncDisposable {
  readonly #forward: PortForward;

  private constructor(forward: PortForward) {
    this.#forward = forward;
  }

  /** To that replica, or to any. Rejects as {@link PortForward.open} does. */
  static async open(cluster: Cluster, replica?: Pod): Promise<GatewayForward> {
    const [target, port] =
      replica === undefined
        ? (['service/dormouse-gateway', '80'] as const)
        : ([`pod/${replica.metadata.name}`, 'http'] as const);
    return new GatewayForward(await PortForward.open(cluster, operatorNamespace, target, port));
  }

  url(namespace: string, workspace: string, path: string): string {
    return `${this.#forward.origin}/v1/namespaces/${namespace}/workspaces/${workspace}/${path}`;
  }

  /** A request to a path below a workspace. Without a token: `undefined`. */
  fetch(
    namespace: string,
    workspace: string,
    path: string,
    token: string | undefined,
    init: RequestInit = {},
  ): Promise<Response> {
    return fetch(this.url(namespace, workspace, path), {
      ...init,
      headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...init.headers },
    });
  }

  /** The same, again while the gateway says to come back later: on a busy machine a start takes longer than it holds a request. */
  async patiently(...request: Parameters<GatewayForward['fetch']>): Promise<Response> {
    for (;;) {
      const answer = await this.fetch(...request);
      const seconds = answer.headers.get('retry-after');
      if (answer.status !== 503 || seconds === null) return answer;
      await answer.body?.cancel();
      await pause(Number(seconds) * 1000);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#forward[Symbol.asyncDispose]();
  }
}

/** A new ServiceAccount with these ClusterRoles in its namespace, and a token of it for ten minutes. */
export async function tokenWith(
  cluster: Cluster,
  namespace: string,
  name: string,
  clusterRoles: string[],
): Promise<string> {
  await cluster.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } });
  for (const role of clusterRoles) {
    const binding = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: `${name}-${role}`, namespace },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    };
    await cluster.create(binding);
  }
  const answer = (await cluster.request(
    'POST',
    `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
    {
      body: {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { expirationSeconds: 600 },
      },
    },
  )) as { status: { token: string } };
  return answer.status.token;
}

/** A Secret that the gateway may get, whose values may be sent to `sentTo`. */
export async function putSecretFor(
  cluster: Cluster,
  namespace: string,
  name: string,
  sentTo: string,
  stringData: Record<string, string>,
): Promise<void> {
  const rbac = 'rbac.authorization.k8s.io';
  const secret = reference('v1', 'Secret', name, namespace);
  await cluster.create({
    ...secret,
    metadata: { ...secret.metadata, annotations: { [sentToAnnotation]: sentTo } },
    stringData,
  } as KubernetesObject);
  await cluster.create({
    ...reference(`${rbac}/v1`, 'Role', `gateway-gets-${name}`, namespace),
    rules: [{ apiGroups: [''], resources: ['secrets'], resourceNames: [name], verbs: ['get'] }],
  } as KubernetesObject);
  await cluster.create({
    ...reference(`${rbac}/v1`, 'RoleBinding', `gateway-gets-${name}`, namespace),
    roleRef: { apiGroup: rbac, kind: 'Role', name: `gateway-gets-${name}` },
    subjects: [{ kind: 'ServiceAccount', name: 'dormouse-gateway', namespace: operatorNamespace }],
  } as KubernetesObject);
}
