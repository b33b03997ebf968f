import { reasonHeader } from '@dormouse/agent-runtime/protocol';
import { tokensPerDay } from '@dormouse/operator/class';
import type { Clock, KubeClient } from '@dormouse/operator/kube';
import type { Logger } from '@dormouse/operator/telemetry';
import type { Workspaces } from '../attach/index.ts';
import { auditTo } from '../audit/audit.ts';
import type { WorkspaceAuthenticator } from '../auth/index.ts';
import type { Classes } from '../classes.ts';
import type { Config } from '../config.ts';
import type { Dialer } from '../egress/dialer.ts';
import type { Gate } from '../egress/gate.ts';
import { ConnectionLimits } from '../limits/index.ts';
import { Mail } from '../mail/mail.ts';
import { MessageStore } from '../mail/message-store.ts';
import { McpRelay } from '../mcp-relay/mcp-relay.ts';
import { PluginRelay } from '../plugin-relay/plugin-relay.ts';
import { SecretHeaders } from '../relay/secret-headers.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Tracing } from '../telemetry/tracing.ts';
import { BodyMemory } from './body.ts';
import { Ledger, OldAccounts, UsageRecords, UsageReports } from './ledger/index.ts';
import { ModelDoor } from './model-door.ts';
import { ModelGateway } from './model-gateway.ts';
import { ModelProxy } from './model-proxy.ts';
import { ProviderChoice, ProviderKeys } from './provider/index.ts';
import { ModelMetrics } from './telemetry/model-metrics.ts';

export interface AssembleModelOptions {
  config: Config;
  kube: KubeClient;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
  tracing: Pick<Tracing, 'serve'>;
  workspaces: Workspaces;
  classes: Classes;
  authenticator: WorkspaceAuthenticator;
  /** Where workspaces may go, and how. */
  wayOut: { gate: Gate; dialer: Dialer };
}

/** Milliseconds for the head of a request, for the whole of it, and until a provider takes a connection. */
const timeouts = { headers: 10_000, request: 60_000 };
const connectTimeout = 5_000;
/** Days for which accounts are kept. */
const keepDays = 8;

/** All parts of the model proxy, joined. Its informers and the sweep of old accounts are to be started and stopped by the caller, its reports closed. */
export function assembleModelProxy({
  config,
  kube,
  clock,
  log,
  metrics,
  tracing,
  workspaces,
  classes,
  authenticator,
  wayOut,
}: AssembleModelOptions) {
  const { namespace } = config;
  const around = { client: kube, log, observer: metrics, clock };
  const own = new ModelMetrics(metrics.registry);
  const random = Math.random;
  const records = new UsageRecords(namespace, around);
  const keys = new ProviderKeys({ kube, clock, namespace });
  const memory = new BodyMemory(config['model-bodies']);
  const ledger = new Ledger({
    kube,
    records,
    namespace,
    clock,
    random,
    lost: (error) => {
      own.lost();
      log.error({ err: error }, 'what a call used was not written; it is charged as reserved');
    },
  });
  const reports = new UsageReports({
    ...{ kube, clock, random, log },
    workspace: (name) => workspaces.get(name),
    limitOf: (workspace) =>
      tokensPerDay(workspace.spec.agent, classes.find(workspace).found?.spec.ceilings ?? {}),
  });
  records.informer.subscribe(({ type, object }) => {
    if (type !== 'deleted') reports.note(object);
  });
  const limits = {
    connect: connectTimeout,
    idle: config['model-idle-timeout'],
    total: config['model-total-timeout'],
    body: config['model-max-body'],
  };
  const choice = new ProviderChoice({ keys, clock, asked: (...how) => own.asked(...how) });
  const audit = auditTo(log);
  const secrets = new SecretHeaders(kube, clock);
  const shared = { authenticator, workspaces, memory, clock, log, audit };
  const gateway = new ModelGateway({
    besides: [
      new Mail({ store: new MessageStore(kube), ...shared, classes }),
      new McpRelay({ ...wayOut, ...shared, secrets }),
      new PluginRelay({ ...wayOut, ...shared, secrets }),
    ],
    door: new ModelDoor({
      authenticator,
      workspaces,
      classes,
      connections: new ConnectionLimits({ workspace: config['model-calls-per-workspace'] }),
    }),
    proxy: new ModelProxy({ choice, keys, ledger, memory, clock, limits }),
    written: () => ledger.idle(),
    tracing,
    clock,
    log,
    audit,
    ended: (use, refusal) => own.ended(use, refusal, refusal?.headers[reasonHeader]),
    timeouts,
  });
  own.watch({
    get open() {
      return gateway.open;
    },
    get bodies() {
      return memory.taken;
    },
  });
  return {
    gateway,
    informers: [records.informer],
    reports,
    oldAccounts: new OldAccounts({ kube, records, clock, keep: keepDays, random, log }),
  };
}
