import { gatewayPorts } from '@dormouse/agent-runtime/protocol';
import { milliseconds } from '@dormouse/crds';
import { readFlags, usageOf } from '@dormouse/operator/flags';
import { logLevels } from '@dormouse/operator/telemetry';
import { z } from 'zod';
import { isCidr } from './egress/index.ts';

const flags = {
  kubeconfig: {
    value: 'FILE',
    variable: 'KUBECONFIG',
    help: "The cluster. Default: the pod's service account, else ~/.kube/config. Pods must be reachable at their addresses.",
  },
  'master-key-file': {
    value: 'FILE',
    variable: 'DORMOUSE_MASTER_KEY_FILE',
    help: "The key that the agents' keys are derived from. Required.",
  },
  namespace: {
    value: 'NAME',
    variable: 'POD_NAMESPACE',
    help: 'The namespace of the gateway: the Secrets of model providers and buckets, and what workspaces used. Default: dormouse-system.',
  },
  port: { value: 'NUMBER', variable: 'DORMOUSE_PORT', help: 'For clients; 0: any. Default: 8080.' },
  'health-port': {
    value: 'NUMBER',
    variable: 'DORMOUSE_HEALTH_PORT',
    help: 'Of /healthz, /readyz and /metrics; 0: any. Default: 8081.',
  },
  'egress-port': {
    value: 'NUMBER',
    variable: 'DORMOUSE_EGRESS_PORT',
    help: `The proxy that workspaces go out by; 0: any. Default: ${gatewayPorts.egress}.`,
  },
  'egress-deny-cidrs': {
    value: 'CIDR,…',
    variable: 'DORMOUSE_EGRESS_DENY_CIDRS',
    help: 'Addresses that no workspace reaches, such as public ones of the cluster itself. Default: none.',
  },
  'egress-allow-private-cidrs': {
    value: 'CIDR,…',
    variable: 'DORMOUSE_EGRESS_ALLOW_PRIVATE_CIDRS',
    help: 'Addresses that are not public and that workspaces may reach where their class allows the name. Default: none.',
  },
  'egress-connections-per-workspace': {
    value: 'NUMBER',
    variable: 'DORMOUSE_EGRESS_CONNECTIONS_PER_WORKSPACE',
    help: 'Connections to the outside of one workspace at a time, in this replica. Default: 256.',
  },
  'egress-connections': {
    value: 'NUMBER',
    variable: 'DORMOUSE_EGRESS_CONNECTIONS',
    help: 'The same of all workspaces. Default: 4096.',
  },
  'egress-idle-timeout': {
    value: 'DURATION',
    variable: 'DORMOUSE_EGRESS_IDLE_TIMEOUT',
    help: 'Without a byte in either direction, for a connection to the outside. Default: 10m.',
  },
  origins: {
    value: 'ORIGIN,…',
    variable: 'DORMOUSE_ORIGINS',
    help: 'Origins of pages that may use the gateway and read its answers, besides its own. Default: none.',
  },
  'hold-timeout': {
    value: 'DURATION',
    variable: 'DORMOUSE_HOLD_TIMEOUT',
    help: 'How long a request waits for its workspace. Default: 60s.',
  },
  'attach-lease': {
    value: 'DURATION',
    variable: 'DORMOUSE_ATTACH_LEASE',
    help: 'How long a workspace counts as attached to after it was used. Default: 30s.',
  },
  'held-per-workspace': {
    value: 'NUMBER',
    variable: 'DORMOUSE_HELD_PER_WORKSPACE',
    help: 'Requests that wait for one workspace at most. Default: 512.',
  },
  held: {
    value: 'NUMBER',
    variable: 'DORMOUSE_HELD',
    help: 'Requests that wait at most, in this replica. Default: 4096.',
  },
  'connections-per-user': {
    value: 'NUMBER',
    variable: 'DORMOUSE_CONNECTIONS_PER_USER',
    help: 'Requests and streams of one user at a time, in this replica. Default: 512.',
  },
  'connections-per-workspace': {
    value: 'NUMBER',
    variable: 'DORMOUSE_CONNECTIONS_PER_WORKSPACE',
    help: 'The same of one workspace. Default: 1024.',
  },
  'max-body': {
    value: 'BYTES',
    variable: 'DORMOUSE_MAX_BODY',
    help: "Of requests to the agent's API. Default: 8388608.",
  },
  'idle-timeout': {
    value: 'DURATION',
    variable: 'DORMOUSE_IDLE_TIMEOUT',
    help: 'Without a byte, for what is no stream. Default: 60s.',
  },
  'total-timeout': {
    value: 'DURATION',
    variable: 'DORMOUSE_TOTAL_TIMEOUT',
    help: 'For the whole of what is no stream. Default: 10m.',
  },
  'model-port': {
    value: 'NUMBER',
    variable: 'DORMOUSE_MODEL_PORT',
    help: `For agents that ask the model; 0: any. Default: ${gatewayPorts.model}.`,
  },
  'model-max-body': {
    value: 'BYTES',
    variable: 'DORMOUSE_MODEL_MAX_BODY',
    help: 'Of one request to the model. Default: 33554432, as the Messages API has it.',
  },
  'model-bodies': {
    value: 'BYTES',
    variable: 'DORMOUSE_MODEL_BODIES',
    help: 'Of all requests to the model that are under way. Default: 134217728.',
  },
  'model-calls-per-workspace': {
    value: 'NUMBER',
    variable: 'DORMOUSE_MODEL_CALLS_PER_WORKSPACE',
    help: 'Calls of one workspace at a time, in this replica. Default: 32.',
  },
  'model-idle-timeout': {
    value: 'DURATION',
    variable: 'DORMOUSE_MODEL_IDLE_TIMEOUT',
    help: 'Without a byte of the answer. Default: 5m.',
  },
  'model-total-timeout': {
    value: 'DURATION',
    variable: 'DORMOUSE_MODEL_TOTAL_TIMEOUT',
    help: 'For a whole call. Default: 30m.',
  },
  'archive-port': {
    value: 'NUMBER',
    variable: 'DORMOUSE_ARCHIVE_PORT',
    help: `For pods that archive and restore; 0: any. Default: ${gatewayPorts.archive}.`,
  },
  'drain-timeout': {
    value: 'DURATION',
    variable: 'DORMOUSE_DRAIN_TIMEOUT',
    help: 'That requests get when the gateway is stopped. Default: 20s.',
  },
  'trace-endpoint': {
    value: 'URL',
    variable: 'DORMOUSE_TRACE_ENDPOINT',
    help: 'A collector that takes traces by OTLP over HTTP; /v1/traces is added. Default: none, and nothing is traced.',
  },
  'trace-ratio': {
    value: 'NUMBER',
    variable: 'DORMOUSE_TRACE_RATIO',
    help: 'Of the traces that begin here, 0 to 1; those of a client with traceparent are as it says. Default: 1.',
  },
  'log-level': {
    value: 'LEVEL',
    variable: 'DORMOUSE_LOG_LEVEL',
    help: `${logLevels.join(', ')}; audit lines are info. Default: info.`,
  },
} as const;

const duration = (fallback: string) =>
  z
    .string()
    .regex(/^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$/, 'must be a duration such as 90s or 2m')
    .default(fallback)
    .transform(milliseconds);
const port = (fallback: number) => z.coerce.number().int().min(0).max(65535).default(fallback);
const count = (fallback: number) => z.coerce.number().int().min(1).default(fallback);

const origins = z
  .string()
  .default('')
  .transform((text) => text.split(',').filter((each) => each !== ''))
  .pipe(
    z.array(
      z.string().refine((each) => URL.canParse(each) && new URL(each).origin === each, {
        error: 'must be origins such as https://console.example.com, with commas between them',
      }),
    ),
  )
  .transform((list) => new Set(list));

const cidrs = z
  .string()
  .default('')
  .transform((text) => text.split(',').filter((each) => each !== ''))
  .pipe(
    z.array(
      z
        .string()
        .refine(isCidr, { error: 'must be CIDRs such as 10.0.0.0/8 or fd00::/8, with commas between them' }),
    ),
  );

const endpoint = z.string().refine(
  (text) => {
    const { protocol, username, password, search, hash } = URL.parse(text) ?? new URL('none:');
    return /^https?:$/.test(protocol) && username + password + search + hash === '';
  },
  { error: 'must be a URL such as http://collector.monitoring:4318, without a user, a query or a fragment' },
);

const schema = z.object({
  kubeconfig: z.string().min(1).optional(),
  'master-key-file': z.string({ error: 'is required' }).min(1),
  namespace: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be the name of a namespace')
    .default('dormouse-system'),
  port: port(8080),
  'health-port': port(8081),
  'egress-port': port(gatewayPorts.egress),
  'egress-deny-cidrs': cidrs,
  'egress-allow-private-cidrs': cidrs,
  'egress-connections-per-workspace': count(256),
  'egress-connections': count(4096),
  'egress-idle-timeout': duration('10m'),
  origins,
  'hold-timeout': duration('60s'),
  'attach-lease': duration('30s'),
  'held-per-workspace': count(512),
  held: count(4096),
  'connections-per-user': count(512),
  'connections-per-workspace': count(1024),
  'max-body': count(8 << 20),
  'idle-timeout': duration('60s'),
  'total-timeout': duration('10m'),
  'model-port': port(gatewayPorts.model),
  'model-max-body': count(32 << 20),
  'model-bodies': count(128 << 20),
  'model-calls-per-workspace': count(32),
  'model-idle-timeout': duration('5m'),
  'model-total-timeout': duration('30m'),
  'archive-port': port(gatewayPorts.archive),
  'drain-timeout': duration('20s'),
  'trace-endpoint': endpoint.optional(),
  'trace-ratio': z.coerce.number().min(0).max(1).default(1),
  'log-level': z.enum(logLevels).default('info'),
});

/** What the gateway was told, by flags and by the environment. Durations in milliseconds, sizes in bytes. */
export type Config = z.output<typeof schema>;

export const usage = usageOf(
  'The gateway of Dormouse: the one door to agent workspaces; wakes those that sleep and holds requests meanwhile.',
  'node gateway/src/main.ts',
  flags,
);

/**
 * Reads flags, then the environment, then defaults. `'help'` where that was asked for.
 * @throws ConfigError with a line for each value that is not valid.
 */
export function readConfig(args: string[], env: Record<string, string | undefined>): Config | 'help' {
  return readFlags(flags, schema, args, env);
}
