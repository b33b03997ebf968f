import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import type { Cluster } from './cluster.ts';
import { operatorNamespace } from './operator.ts';
import type { Pod } from './workspaces.ts';

/** The installed gateway, reached through `kubectl port-forward`: `await using door = await GatewayForward.open(cluster)`. */
export class GatewayForward implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #origin: string;

  private constructor(child: ChildProcess, origin: string) {
    this.#child = child;
    this.#origin = origin;
  }

  /** To that replica, or to any. Resolves when kubectl listens; an error with what it said where it does not. */
  static async open(cluster: Cluster, replica?: Pod): Promise<GatewayForward> {
    const to =
      replica === undefined ? ['service/dormouse-gateway', ':80'] : [`pod/${replica.metadata.name}`, ':http'];
    const target = ['--namespace', operatorNamespace, ...to];
    const child = spawn('kubectl', ['port-forward', '--address', '127.0.0.1', ...target], {
      env: { ...process.env, KUBECONFIG: cluster.access.file },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let complaints = '';
    child.stderr.on('data', (chunk: Buffer) => {
      complaints += chunk;
    });
    for await (const line of createInterface({ input: child.stdout })) {
      const port = /^Forwarding from 127\.0\.0\.1:(\d+)/.exec(line)?.[1];
      if (port === undefined) continue;
      // What it says later, a line for each connection, must not fill its pipe.
      child.stdout.resume();
      return new GatewayForward(child, `http://127.0.0.1:${port}`);
    }
    throw new Error(`kubectl port-forward ended: ${complaints}`);
  }

  url(namespace: string, workspace: string, path: string): string {
    return `${this.#origin}/v1/namespaces/${namespace}/workspaces/${workspace}/${path}`;
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

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill();
    await ended;
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
