import type { AgentWorkspace, AgentWorkspaceClass } from '@dormouse/crds';
import type { Clock, KubeClient } from '@dormouse/operator/kube';
import { EventRecorder, type Logger } from '@dormouse/operator/telemetry';
import type { WorkspaceName } from '../auth/index.ts';
import type { Config } from '../config.ts';
import { ConnectionLimits } from '../limits/index.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { Addresses } from './addresses.ts';
import { Credentials } from './credentials.ts';
import { Dialer, type DialerOptions } from './dialer.ts';
import { FirstRefusals } from './first-refusals.ts';
import { Gate } from './gate.ts';
import { EgressProxy } from './proxy.ts';
import type { EgressRecord } from './record.ts';
import { nameServers } from './resolve.ts';

export interface EgressAssembly {
  config: Config;
  kube: Pick<KubeClient, 'create'>;
  masterKey: Uint8Array;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
  audit: (record: EgressRecord) => void;
  /** The workspace as the cache knows it, and the class in force for it. */
  workspace: (name: WorkspaceName) => AgentWorkspace | undefined;
  classOf: (workspace: AgentWorkspace) => AgentWorkspaceClass | undefined;
  /** Whether an address is that of a workspace's pod. */
  runsAt: (address: string) => boolean;
  /** This replica, in Events. */
  identity: string;
  /** For tests: other name servers, other wires. */
  network?: Partial<Pick<DialerOptions, 'resolve' | 'open'>> | undefined;
}

/** Milliseconds for the head of a request, and until a connection is open, the look-up of its name included. */
const headTimeout = 10_000;
const connectTimeout = 10_000;

/** All parts of the way out, joined. */
export function assembleEgress(around: EgressAssembly): {
  egress: EgressProxy;
  events: EventRecorder;
  /** For what the gateway itself does for a workspace outside. */
  wayOut: { gate: Gate; dialer: Dialer };
} {
  const { config, kube, masterKey, clock, log, metrics, audit, classOf, network } = around;
  const events = new EventRecorder({
    ...{ kube, clock, log },
    dropped: metrics.eventsDropped,
    component: 'dormouse-gateway',
    identity: around.identity,
  });
  const first = new FirstRefusals({ recorder: events, clock });
  const gate = new Gate({
    credentials: new Credentials(masterKey, around.workspace),
    classOf,
    connections: new ConnectionLimits({
      gateway: config['egress-connections'],
      workspace: config['egress-connections-per-workspace'],
    }),
    refused: (workspace, to, message) => first.note(workspace, to, message),
  });
  const addresses = new Addresses({
    deny: config['egress-deny-cidrs'],
    allowPrivate: config['egress-allow-private-cidrs'],
  });
  const dialer = new Dialer({
    // Workspaces admit the gateway on every port: it must lead none of them to another.
    permits: (address) => addresses.permits(address) && !around.runsAt(address),
    resolve: nameServers(),
    patience: connectTimeout,
    ...network,
  });
  const egress = new EgressProxy({
    ...{ gate, dialer, clock, log, audit },
    decided: (outcome) => metrics.egress.inc({ outcome }),
    count: (direction, bytes) => metrics.egressBytes.inc({ direction }, bytes),
    timeouts: { headers: headTimeout, idle: config['egress-idle-timeout'] },
    // Each connection under way has one; some are between two requests.
    sockets: 2 * config['egress-connections'],
  });
  return { egress, events, wayOut: { gate, dialer } };
}
