import { connect, type Socket } from 'node:net';
import { egressProxy } from '@dormouse/agent-runtime/protocol';
import { attachedUntilAnnotation, workspaceLabel } from '@dormouse/crds';
import { HttpKubeClient, systemClock } from '@dormouse/operator/kube';
import { createLogger } from '@dormouse/operator/telemetry';
import { ApiServer } from '../../../test/support/api-server/index.ts';
import { type AssembleOptions, assemble } from '../assemble.ts';
import { type Config, readConfig } from '../config.ts';
import type { EgressProxy } from '../egress/proxy.ts';
import type { Gateway } from '../gateway.ts';
import type { ModelGateway } from '../model-proxy/model-gateway.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { openTracing, type Tracing } from '../telemetry/tracing.ts';
import { WorkspaceAgent } from './workspace-agent.ts';

const workspaces = 'apis/dormouse.dev/v1alpha1/agentworkspaces';
const classes = 'apis/dormouse.dev/v1alpha1/agentworkspaceclasses';
const masterKey = Buffer.from('master');

/** A whole gateway over real sockets, before a stand-in API server that knows two tokens and one workspace's agent. */
export class World implements AsyncDisposable {
  readonly api = new ApiServer();
  readonly agent = new WorkspaceAgent();
  readonly metrics = new Metrics();
  readonly lines: Record<string, unknown>[] = [];
  gateway!: Gateway;
  model!: ModelGateway;
  tracing!: Tracing;
  port = 0;
  /** Of the listener for agents that ask the model. */
  modelPort = 0;
  /** What every address outside leads to, and which were connected to, as HOST:PORT. */
  readonly outside = new WorkspaceAgent();
  readonly dialed: string[] = [];
  /** What DNS knows. */
  readonly names = new Map<string, string[]>();
  egress!: EgressProxy;
  egressPort = 0;
  archivePort = 0;
  /** Who has which token; nobody else is known. */
  readonly users = new Map([
    ['ada-token', 'ada'],
    ['eve-token', 'eve'],
  ]);
  /** Tokens that were mounted into pods, and for which audience. */
  readonly podTokens = new Map<string, { audience: string; namespace: string; pod: string; uid: string }>();
  /** `USER RIGHT`. */
  readonly rights = new Set(['ada attach', 'ada message', 'ada approve']);
  /** Reviews that the API server was asked for. */
  readonly reviews: { kind: string; spec: Record<string, unknown> }[] = [];
  /** Whether the API server can say anything about tokens and rights. */
  reviewing = true;
  #skipped = 0;
  #informers: ReturnType<typeof assemble>['informers'] = [];
  #close: () => Promise<void> = async () => undefined;

  static async open(
    settings: Record<string, string> = {},
    more: Pick<AssembleOptions, 'recheck'> = {},
  ): Promise<World> {
    const world = new World();
    const env = { DORMOUSE_MASTER_KEY_FILE: 'unused', ...settings };
    await world.#open(readConfig([], env) as Config, more);
    return world;
  }

  async #open(config: Config, more: Pick<AssembleOptions, 'recheck'>): Promise<void> {
    this.#answerReviews();
    const server = await this.api.start();
    await this.agent.start();
    await this.outside.start();
    const kube = new HttpKubeClient({
      credentials: { server, proof: async () => ({ tls: {}, headers: {} }) },
    });
    const log = createLogger('info', { write: (line) => this.lines.push(JSON.parse(line)) }, 'gateway');
    const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + this.#skipped };
    const identity = 'gateway-0';
    this.tracing = await openTracing({
      endpoint: config['trace-endpoint'],
      ratio: config['trace-ratio'],
      ...{ identity, clock, log },
    });
    const parts = assemble({
      ...{ config, kube, masterKey, clock, log, identity },
      metrics: this.metrics,
      tracing: this.tracing,
      network: {
        resolve: async (host) => this.names.get(host) ?? [],
        open: ({ host, port }) => {
          this.dialed.push(`${host}:${port}`);
          return connect({ host: '127.0.0.1', port: this.outside.port, allowHalfOpen: true });
        },
      },
      ...more,
      locate: (address) => ({ ...address, host: '127.0.0.1', port: this.agent.port }),
    });
    this.#informers = parts.informers;
    for (const each of parts.informers) each.start();
    await Promise.all(parts.informers.map((each) => each.synced));
    this.gateway = parts.gateway;
    this.port = await this.gateway.listen(0);
    this.model = parts.model.gateway;
    this.modelPort = await this.model.listen(0);
    this.egress = parts.egress;
    this.egressPort = await this.egress.listen(0);
    this.archivePort = await parts.archive.listen(0);
    this.#close = async () => {
      await Promise.all([this.gateway, this.model, this.egress, parts.archive].map((each) => each.drain(0)));
      await parts.events.flush();
      await this.tracing.close();
      parts.attachments.close();
      parts.model.reports.close();
      await Promise.all(parts.informers.map((each) => each.stop()));
      await kube.close();
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
    await this.agent.stop();
    await this.outside.stop();
    await this.api.close();
  }

  /** Makes whatever was remembered about tokens and rights too old. */
  forgetAnswers(): void {
    this.#skipped += 60_000;
  }

  #answerReviews(): void {
    this.api.misbehave({
      matches: ({ collection }) => /reviews$/.test(collection),
      times: Number.POSITIVE_INFINITY,
      respond: (response, { collection, body }) => {
        const spec = body.spec as Record<string, unknown> & { resourceAttributes?: { verb: string } };
        const kind = collection.split('/').at(-1) ?? '';
        this.reviews.push({ kind, spec });
        if (!this.reviewing) return void response.writeHead(500).end('{}');
        const status =
          kind === 'tokenreviews'
            ? this.#review(spec)
            : { allowed: this.rights.has(`${spec.user} ${spec.resourceAttributes?.verb}`) };
        response.writeHead(201, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ metadata: {}, status }));
      },
    });
  }

  /** As the API server does: a token is good for its own audience, and without one for that of the API server. */
  #review({ token, audiences }: Record<string, unknown>): object {
    const refused = { authenticated: false, error: 'no such token for these audiences' };
    const bound = this.podTokens.get(token as string);
    if (bound !== undefined) {
      if (!(audiences as string[] | undefined)?.includes(bound.audience)) return refused;
      const extra = {
        'authentication.kubernetes.io/pod-name': [bound.pod],
        'authentication.kubernetes.io/pod-uid': [bound.uid],
      };
      const username = `system:serviceaccount:${bound.namespace}:default`;
      return { authenticated: true, audiences: [bound.audience], user: { username, groups: [], extra } };
    }
    const username = this.users.get(token as string);
    if (username === undefined || audiences !== undefined) return refused;
    return { authenticated: true, user: { username, groups: ['people'] } };
  }

  /** Resolves when the gateway's caches show an object of the API server as it is. */
  async shown(plural: string, name: { namespace?: string; name: string }): Promise<void> {
    const informer = this.#informers.find(({ resource }) => resource.plural === plural);
    const wanted = () =>
      this.api.objects
        .list(`apis/dormouse.dev/v1alpha1/${plural}`)
        .find(({ metadata }) => metadata.name === name.name);
    const done = () => informer?.get(name)?.metadata.resourceVersion === wanted()?.metadata.resourceVersion;
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = informer?.subscribe(() => done() && resolve());
    if (done()) resolve();
    await promise;
    stop?.();
  }

  /** Puts workspace `team/home` into a phase, with its pod where it is one that has a pod. */
  put(phase: string, reason: string = phase, message = `it is ${phase}`, spec: object = {}): void {
    const { objects } = this.api;
    const kept = objects.get(workspaces, 'team/home')?.metadata;
    const metadata = { ...kept, namespace: 'team', name: 'home' };
    const uid = (kept ?? objects.put(workspaces, 'team/home', { metadata }).metadata).uid;
    const ready = { type: 'Ready', status: phase === 'Running' ? 'True' : 'False', reason, message };
    let podUID: string | undefined;
    if (phase === 'Running' || phase === 'Checkpointing') podUID = this.#putPod(uid);
    else objects.delete('api/v1/pods', 'team/home');
    const workspace = {
      metadata,
      spec: { runPolicy: 'Auto', services: [{ name: 'web', command: ['web'], port: 3000 }], ...spec },
      status: { phase, podUID, conditions: [ready] },
    };
    objects.put(workspaces, 'team/home', workspace);
  }

  /** Puts the default class, which allows these destinations. */
  allow(...allow: { host: string; ports: number[] }[]): void {
    const metadata = { name: 'standard', annotations: { 'dormouse.dev/is-default-class': 'true' } };
    const standard = { metadata, spec: { egress: { allow } } };
    this.api.objects.put(classes, 'standard', standard);
  }

  /** The proxy that workspace `team/home` finds in its environment. */
  get proxy(): URL {
    const metadata = this.api.objects.get(workspaces, 'team/home')?.metadata;
    return new URL(
      egressProxy(`http://127.0.0.1:${this.egressPort}`, masterKey, {
        namespace: 'team',
        name: 'home',
        uid: metadata?.uid ?? '',
      }),
    );
  }

  /** What a client of that proxy sends along: a line of a head. */
  get proxyHeader(): string {
    const { username, password } = this.proxy;
    return `proxy-authorization: Basic ${Buffer.from(`${username}:${password}`).toString('base64')}\r\n`;
  }

  #putPod(owner: string): string {
    const pod = {
      metadata: {
        namespace: 'team',
        name: 'home',
        labels: { [workspaceLabel]: 'home' },
        ownerReferences: [
          {
            apiVersion: 'dormouse.dev/v1alpha1',
            kind: 'AgentWorkspace',
            name: 'home',
            uid: owner,
            controller: true,
          },
        ],
      },
      status: { podIP: '10.1.1.1' },
    };
    return this.api.objects.put('api/v1/pods', 'team/home', pod).metadata.uid;
  }

  /** Times that the annotation was written. */
  get wakes(): number {
    return this.api.requests.filter(
      ({ method, collection, body }) =>
        method === 'PATCH' && collection === workspaces && attachedUntilAnnotation in annotations(body),
    ).length;
  }

  get audits(): Record<string, unknown>[] {
    return this.lines.filter(({ audit }) => audit === true);
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.port}/v1/namespaces/team/workspaces/home/${path}`;
  }

  fetch(path: string, init: RequestInit & { token?: string | undefined } = {}): Promise<Response> {
    const { token = 'ada-token', ...rest } = init;
    return fetch(this.url(path), {
      redirect: 'manual',
      ...rest,
      headers: { ...(token === '' ? {} : { authorization: `Bearer ${token}` }), ...rest.headers },
    });
  }

  /** Bytes straight to the gateway. */
  socket(text = '', port = this.port): Socket {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(text);
    return socket;
  }

  /** Sends bytes, and reads all that comes until the gateway closes the connection. */
  async exchange(text: string, port = this.port): Promise<string> {
    const chunks: Buffer[] = [];
    const socket = this.socket(text, port).on('data', (chunk: Buffer) => chunks.push(chunk));
    await new Promise((resolve) => socket.once('close', resolve));
    return Buffer.concat(chunks).toString();
  }
}

function annotations(body: Record<string, unknown>): object {
  return (body.metadata as { annotations?: object } | undefined)?.annotations ?? {};
}
