import { z } from 'zod';

/** The gateway fetches it, with headers that only the gateway knows. */
const byGateway = z.literal(true).optional();

/** Where the gateway fetches plugins for a workspace, at the port for models. `NAME/pack`, `NAME/manifests/DIGEST` or `NAME/blobs/DIGEST` follow. */
export const pluginRelayPath = '/v1/plugins/';

/** Where the files of a plugin come from. All but `path` are pinned: what is loaded is exactly what was named. */
export const pluginSource = z.discriminatedUnion('kind', [
  /** An archive `plugin.tar.gz` in a ConfigMap that the pod mounts; `digest` is the SHA-256 of the archive, hex. */
  z.object({ kind: z.literal('configMap'), digest: z.string().regex(/^[0-9a-f]{64}$/) }),
  /** `path`: the folder of the plugin in the repository. */
  z.object({
    kind: z.literal('git'),
    url: z.string().min(1),
    commit: z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/),
    path: z.string().optional(),
    byGateway,
  }),
  /** `reference` without the digest: `ghcr.io/acme/review`. */
  z.object({
    kind: z.literal('oci'),
    reference: z.string().min(1),
    digest: z.string().regex(/^[0-9a-f]{64}$/),
    byGateway,
  }),
  /** A folder of the home. */
  z.object({ kind: z.literal('path'), path: z.string().min(1) }),
]);
export type PluginSource = z.infer<typeof pluginSource>;

/** A plugin as the workspace's spec declares it. */
export const pluginConfig = z.object({
  name: z
    .string()
    .max(63)
    .regex(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/),
  source: pluginSource,
  /** Values of its `userConfig`, by name. */
  config: z.record(z.string(), z.string()).default({}),
});
export type PluginConfig = z.infer<typeof pluginConfig>;

/** What became of a plugin; in `GET /v1/state`. */
export const pluginState = z.object({
  name: z.string(),
  status: z.enum(['Pending', 'Loaded', 'Failed']),
  version: z.string().optional(),
  /** What is wrong, with file and line; one that is loaded may have parts that are not. */
  problems: z.array(z.string()).default([]),
});
export type PluginState = z.infer<typeof pluginState>;

/** What a plugin that is loaded brings, by the names that its components are called by. */
export const pluginComponents = z.object({
  skills: z.array(z.string()),
  commands: z.array(z.string()),
  agents: z.array(z.string()),
  /** The event of each hook. */
  hooks: z.array(z.string()),
  mcpServers: z.array(z.string()),
});
export type PluginComponents = z.infer<typeof pluginComponents>;

/** A plugin of `GET /v1/plugins`; `problems` also says what is wrong with its components. */
export const pluginDetail = pluginState.extend({ components: pluginComponents.optional() });
export type PluginDetail = z.infer<typeof pluginDetail>;
