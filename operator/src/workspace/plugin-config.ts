import { type PluginSource, paths, type RuntimeConfig } from '@dormouse/agent-runtime/protocol';
import type { AgentWorkspace } from '@dormouse/crds';
import type { Pod } from '../kube/index.ts';

type Plugin = NonNullable<AgentWorkspace['spec']['plugins']>[number];

/** What agentd is told of plugins. */
export function pluginsOf({ spec: { plugins = [] } }: AgentWorkspace): RuntimeConfig['plugins'] {
  return plugins.map((plugin) => ({
    name: plugin.name,
    source: sourceOf(plugin),
    config: Object.fromEntries((plugin.config ?? []).map(({ name, value }) => [name, value])),
  }));
}

function sourceOf({ configMap, git, oci, path = '', headersFrom }: Plugin): PluginSource {
  const byGateway = headersFrom === undefined ? {} : { byGateway: true as const };
  if (configMap !== undefined) return { kind: 'configMap', digest: hex(configMap.digest) };
  if (git !== undefined)
    return {
      kind: 'git',
      url: git.url,
      commit: git.commit,
      ...(git.path !== undefined && { path: git.path }),
      ...byGateway,
    };
  if (oci !== undefined) {
    const [reference = '', digest = ''] = oci.split('@');
    return { kind: 'oci', reference, digest: hex(digest), ...byGateway };
  }
  return { kind: 'path', path };
}

function hex(digest: string): string {
  return digest.replace(/^sha256:/, '');
}

/**
 * The ConfigMaps of plugins, for the container `agent` alone. The kubelet reads them, so the operator needs no right to; one that is
 * missing keeps no pod from starting: agentd says so.
 */
export function pluginVolumes({ spec: { plugins = [] } }: AgentWorkspace): {
  volumes: NonNullable<NonNullable<Pod['spec']>['volumes']>;
  mounts: { name: string; mountPath: string; readOnly: true }[];
} {
  const mounted = plugins.flatMap(({ name, configMap }) =>
    configMap === undefined
      ? []
      : [{ name, volume: `plugin-${name}`.slice(0, 63), configMap: configMap.name }],
  );
  return {
    volumes: mounted.map(({ volume, configMap }) => ({
      name: volume,
      configMap: { name: configMap, optional: true, defaultMode: 0o440 },
    })),
    mounts: mounted.map(({ name, volume }) => ({
      name: volume,
      mountPath: `${paths.pluginArchives}/${name}`,
      readOnly: true,
    })),
  };
}
