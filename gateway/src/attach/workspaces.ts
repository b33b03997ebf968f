import { type AgentWorkspace, workspaceLabel } from '@dormouse/crds';
import { type InformerSurroundings, projectMetadata, WatchInformer } from '@dormouse/operator/cache';
import { type KubeClient, keyOf, NotFoundError, nameOf, type Pod, resources } from '@dormouse/operator/kube';
import type { WorkspaceName } from '../auth/index.ts';
import { type Standing, standingOf } from './standing.ts';

/** Of a pod: whose it is and where. */
function projectPod({ metadata, status }: Pod): Pod {
  const { name, namespace, uid, resourceVersion, deletionTimestamp, labels, ownerReferences } =
    projectMetadata(metadata);
  return {
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
      ...(labels === undefined ? {} : { labels }),
      ...(ownerReferences === undefined ? {} : { ownerReferences }),
    },
    status: { ...(status?.podIP === undefined ? {} : { podIP: status.podIP }) },
  };
}

/** Of a workspace: its services, the MCP servers that the gateway asks and the plugins that it fetches for it, its class, its limit, where it stands, what it came from, and what it is said to have used. System prompts and environments stay out of memory. */
function projectWorkspace({ apiVersion, kind, metadata, spec, status }: AgentWorkspace): AgentWorkspace {
  const { runPolicy, services, classRef } = spec;
  const servers = spec.mcpServers?.flatMap(({ name, url, headers, headersFrom }) =>
    headersFrom === undefined || url === undefined
      ? []
      : [{ name, url, headersFrom, ...(headers === undefined ? {} : { headers }) }],
  );
  const plugins = spec.plugins?.flatMap(({ name, git, oci, headersFrom }) =>
    headersFrom === undefined
      ? []
      : [{ name, headersFrom, ...(git === undefined ? {} : { git }), ...(oci === undefined ? {} : { oci }) }],
  );
  const maxTokensPerDay = spec.agent?.maxTokensPerDay;
  const ready = status?.conditions?.filter(({ type }) => type === 'Ready');
  return {
    apiVersion,
    kind,
    metadata: projectMetadata(metadata),
    // The gateway reads nothing else of a spec.
    spec: {
      runPolicy,
      ...(services === undefined ? {} : { services }),
      ...(classRef === undefined ? {} : { classRef }),
      ...(servers === undefined || servers.length === 0 ? {} : { mcpServers: servers }),
      ...(plugins === undefined || plugins.length === 0 ? {} : { plugins }),
      agent: maxTokensPerDay === undefined ? {} : { maxTokensPerDay },
    } as AgentWorkspace['spec'],
    status: {
      ...(status?.phase === undefined ? {} : { phase: status.phase }),
      ...(status?.podUID === undefined ? {} : { podUID: status.podUID }),
      ...(ready === undefined ? {} : { conditions: ready }),
      ...(status?.usage === undefined ? {} : { usage: status.usage }),
      ...(status?.forkedFrom === undefined ? {} : { forkedFrom: status.forkedFrom }),
      ...(status?.rewind === undefined ? {} : { rewind: status.rewind }),
    },
  };
}

/** The index of pods by their address. */
const byAddress = 'address';

/** All workspaces and their pods, as the watches of this replica show them. */
export class Workspaces {
  readonly informers: readonly [WatchInformer<AgentWorkspace, AgentWorkspace>, WatchInformer<Pod, Pod>];
  readonly #kube: Pick<KubeClient, 'get'>;

  constructor(around: InformerSurroundings) {
    this.#kube = around.client;
    this.informers = [
      new WatchInformer({ resource: resources.workspaces, project: projectWorkspace }, around),
      new WatchInformer(
        {
          resource: resources.pods,
          labelSelector: workspaceLabel,
          project: projectPod,
          indexes: { [byAddress]: ({ status }) => status?.podIP },
        },
        around,
      ),
    ];
  }

  get(name: WorkspaceName): AgentWorkspace | undefined {
    return this.informers[0].get(name);
  }

  /** The pod of a workspace, which has its name. */
  pod(name: WorkspaceName): Pod | undefined {
    return this.informers[1].get(name);
  }

  /** Whether an address is that of a workspace's pod. */
  runsAt(address: string): boolean {
    return this.informers[1].by(byAddress, address).length > 0;
  }

  /** The same, from the API server where the cache does not have it yet. @throws KubeError */
  async fetch(name: WorkspaceName): Promise<AgentWorkspace> {
    return this.get(name) ?? projectWorkspace(await this.#kube.get(resources.workspaces, name));
  }

  standing(name: WorkspaceName): Standing {
    return standingOf(this.get(name), this.pod(name));
  }

  /** Whether the API server knows it: for one that is so new that the cache does not. */
  async exists(name: WorkspaceName): Promise<boolean> {
    if (this.get(name) !== undefined) return true;
    try {
      await this.#kube.get(resources.workspaces, name);
      return true;
    } catch (error) {
      if (error instanceof NotFoundError) return false;
      throw error;
    }
  }

  /** Calls `listener` when a workspace may stand elsewhere than before. */
  subscribe(listener: (name: WorkspaceName) => void): () => void {
    const told = ({ object }: { object: { metadata: { name: string; namespace?: string } } }) =>
      listener(nameOf(keyOf(object.metadata)) as WorkspaceName);
    const stop = this.informers.map((each) => each.subscribe(told));
    return () => {
      for (const each of stop) each();
    };
  }
}
