import { milliseconds } from '@dormouse/crds';
import { z } from 'zod';
import { readFlags, usageOf } from './flags.ts';
import { logLevels } from './telemetry/index.ts';

const flags = {
  namespace: {
    value: 'NAME',
    variable: 'POD_NAMESPACE',
    help: 'The namespace of the operator: its lease, the master key. Default: dormouse-system.',
  },
  kubeconfig: {
    value: 'FILE',
    variable: 'KUBECONFIG',
    help: "The cluster, for an operator outside it. Default: the pod's service account, else ~/.kube/config.",
  },
  'reach-agents': {
    value: 'direct|proxy',
    variable: 'DORMOUSE_REACH_AGENTS',
    help: "How to reach the agents: at the pods' addresses, or through the API server. Default: direct in a cluster, else proxy.",
  },
  'lease-name': { value: 'NAME', variable: 'DORMOUSE_LEASE_NAME', help: 'Default: dormouse-operator.' },
  'master-key-file': {
    value: 'FILE',
    variable: 'DORMOUSE_MASTER_KEY_FILE',
    help: "The key that the agents' keys are derived from. Default: the entry `key` of the Secret.",
  },
  'master-key-secret': {
    value: 'NAME',
    variable: 'DORMOUSE_MASTER_KEY_SECRET',
    help: 'The Secret with that key, where no file is given. Default: dormouse-master-key.',
  },
  'access-mode': {
    value: 'MODE',
    variable: 'DORMOUSE_ACCESS_MODE',
    help: 'Of new claims: ReadWriteOncePod (default), or ReadWriteOnce where the CSI driver does not have that.',
  },
  'checkpoint-timeout': {
    value: 'DURATION',
    variable: 'DORMOUSE_CHECKPOINT_TIMEOUT',
    help: 'After which a checkpoint is given up. Default: 2m.',
  },
  'gateway-host': {
    value: 'HOST',
    variable: 'DORMOUSE_GATEWAY_HOST',
    help: 'Where workspaces find the gateway. Default: dormouse-gateway.NAMESPACE.svc.',
  },
  concurrency: {
    value: 'NUMBER',
    variable: 'DORMOUSE_CONCURRENCY',
    help: 'Workspaces worked on at the same time. Default: 16.',
  },
  port: {
    value: 'NUMBER',
    variable: 'DORMOUSE_PORT',
    help: 'Of /healthz, /readyz and /metrics; 0: any. Default: 8080.',
  },
  'log-level': {
    value: 'LEVEL',
    variable: 'DORMOUSE_LOG_LEVEL',
    help: `${logLevels.join(', ')}. Default: info.`,
  },
} as const;

const schema = z.object({
  namespace: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be the name of a namespace')
    .default('dormouse-system'),
  kubeconfig: z.string().min(1).optional(),
  'reach-agents': z.enum(['direct', 'proxy']).optional(),
  'lease-name': z.string().min(1).default('dormouse-operator'),
  'master-key-file': z.string().min(1).optional(),
  'master-key-secret': z.string().min(1).default('dormouse-master-key'),
  'access-mode': z.enum(['ReadWriteOncePod', 'ReadWriteOnce']).default('ReadWriteOncePod'),
  'checkpoint-timeout': z
    .string()
    .regex(/^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$/, 'must be a duration such as 90s or 2m')
    .default('2m')
    .transform(milliseconds),
  'gateway-host': z.hostname({ error: 'must be the name of a host, without a port' }).optional(),
  concurrency: z.coerce.number().int().min(1).max(1024).default(16),
  port: z.coerce.number().int().min(0).max(65535).default(8080),
  'log-level': z.enum(logLevels).default('info'),
});

/** What the operator was told, by flags and by the environment. Durations in milliseconds. */
export interface Config {
  namespace: string;
  kubeconfig: string | undefined;
  reachAgents: 'direct' | 'proxy';
  leaseName: string;
  masterKeyFile: string | undefined;
  masterKeySecret: string;
  accessMode: 'ReadWriteOncePod' | 'ReadWriteOnce';
  checkpointTimeout: number;
  gatewayHost: string;
  concurrency: number;
  port: number;
  logLevel: (typeof logLevels)[number];
  /** The name of this replica; a random part is added. */
  identity: string;
}

export const usage = usageOf(
  'The operator of Dormouse: puts idle agent workspaces to sleep and wakes them on demand.',
  'node operator/src/main.ts',
  flags,
);

/**
 * Reads flags, then the environment, then defaults. `'help'` where that was asked for.
 * @throws ConfigError with a line for each value that is not valid.
 */
export function readConfig(args: string[], env: Record<string, string | undefined>): Config | 'help' {
  const data = readFlags(flags, schema, args, env);
  if (data === 'help') return 'help';
  const inCluster = data.kubeconfig === undefined && env.KUBERNETES_SERVICE_HOST !== undefined;
  return {
    namespace: data.namespace,
    kubeconfig: data.kubeconfig,
    reachAgents: data['reach-agents'] ?? (inCluster ? 'direct' : 'proxy'),
    leaseName: data['lease-name'],
    masterKeyFile: data['master-key-file'],
    masterKeySecret: data['master-key-secret'],
    accessMode: data['access-mode'],
    checkpointTimeout: data['checkpoint-timeout'],
    gatewayHost: data['gateway-host'] ?? `dormouse-gateway.${data.namespace}.svc`,
    concurrency: data.concurrency,
    port: data.port,
    logLevel: data['log-level'],
    identity: env.POD_NAME ?? env.HOSTNAME ?? 'operator',
  };
}
