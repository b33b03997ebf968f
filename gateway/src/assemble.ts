import type { Clock, KubeClient } from '@dormouse/operator/kube';
import type { Logger } from '@dormouse/operator/telemetry';
import { assembleArchive } from './archive/assemble.ts';
import type { AttachOptions } from './attach/attach.ts';
import { Attach, Attachments, WaitingRoom, Workspaces } from './attach/index.ts';
import { auditTo } from './audit/audit.ts';
import { Authenticator, Authorizer, WorkspaceAuthenticator } from './auth/index.ts';
import { Classes } from './classes.ts';
import type { Config } from './config.ts';
import { Door } from './door.ts';
import { assembleEgress, type EgressAssembly } from './egress/index.ts';
import { Gateway } from './gateway.ts';
import { ConnectionLimits } from './limits/index.ts';
import { McpEndpoint } from './mcp/index.ts';
import { assembleModelProxy } from './model-proxy/assemble.ts';
import type { Metrics } from './telemetry/metrics.ts';
import type { Tracing } from './telemetry/tracing.ts';

export interface AssembleOptions {
  config: Config;
  kube: KubeClient;
  masterKey: Uint8Array;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
  tracing: Tracing;
  /** This replica, in Events. */
  identity: string;
  locate?: AttachOptions['locate'];
  network?: EgressAssembly['network'];
  /** For tests: milliseconds after which rights to what is open are asked for again. */
  recheck?: number;
}

/** Milliseconds for the head of a request, and until a pod takes a connection. */
const headTimeout = 10_000;
const connectTimeout = 2_000;
/** Milliseconds for which a right that was taken away holds for a stream or WebSocket that is open. */
const recheckInterval = 60_000;

/** All parts of a gateway, joined. Its informers are to be started and stopped by the caller. */
export function assemble(options: AssembleOptions) {
  const { config, kube, masterKey, clock, log, metrics, tracing, identity, locate, network } = options;
  const around = { client: kube, log, observer: metrics, clock };
  const workspaces = new Workspaces(around);
  const classes = new Classes(around);
  const attachments = new Attachments({
    kube,
    clock,
    log,
    lease: config['attach-lease'],
    cached: (name) => workspaces.get(name),
  });
  const room = new WaitingRoom({
    clock,
    standing: (name) => workspaces.standing(name),
    exists: (name) => workspaces.exists(name),
    limit: { workspace: config['held-per-workspace'], all: config.held },
  });
  workspaces.subscribe((name) => room.changed(name));
  const attach = new Attach({
    workspaces,
    room,
    attachments,
    masterKey,
    clock,
    limits: {
      hold: config['hold-timeout'],
      recheck: options.recheck ?? recheckInterval,
      connect: connectTimeout,
      idle: config['idle-timeout'],
      total: config['total-timeout'],
      body: config['max-body'],
    },
    held: (outcome, seconds) => metrics.holdDuration.observe({ outcome }, seconds),
    count: (direction, bytes) => metrics.bytes.inc({ direction }, bytes),
    ...(locate === undefined ? {} : { locate }),
  });
  const door = new Door({
    authenticator: new Authenticator(kube, clock),
    authorizer: new Authorizer(kube, clock),
    connections: new ConnectionLimits({
      user: config['connections-per-user'],
      workspace: config['connections-per-workspace'],
    }),
    origins: config.origins,
  });
  const audit = auditTo(log);
  const gateway: Gateway = new Gateway({
    door,
    attach,
    mcp: new McpEndpoint(() => gateway.ownOrigin, log),
    origins: config.origins,
    tracing,
    clock,
    log,
    audit,
    ended: (route, status, refusal) => {
      metrics.requests.inc({ route, code: String(status) });
      if (refusal !== undefined) metrics.refusals.inc({ reason: refusal.code });
    },
    timeouts: { headers: headTimeout, request: config['hold-timeout'] + config['total-timeout'] },
  });
  const { egress, events, wayOut } = assembleEgress({
    ...{ config, kube, masterKey, clock, log, metrics, audit, identity, network },
    workspace: (name) => workspaces.get(name),
    classOf: (workspace) => classes.find(workspace).found,
    runsAt: (address) => workspaces.runsAt(address),
  });
  metrics.watch({
    get held() {
      return room.held;
    },
    get open() {
      return gateway.open;
    },
    get egress() {
      return egress.open;
    },
  });
  const authenticator = new WorkspaceAuthenticator({ kube, clock, cached: workspaces });
  const model = assembleModelProxy({
    ...{ config, kube, clock, log, metrics, tracing, workspaces, classes, authenticator, wayOut },
  });
  const archive = assembleArchive({
    ...{ kube, authenticator, workspaces, classes, clock, log, namespace: config.namespace },
    ended: (outcome) => metrics.archiveRequests.inc({ outcome }),
  });
  const informers = [...workspaces.informers, classes.informer, ...model.informers];
  return { gateway, model, egress, archive, events, attachments, informers };
}
