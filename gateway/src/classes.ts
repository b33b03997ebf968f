import type { AgentWorkspace, AgentWorkspaceClass } from '@dormouse/crds';
import { type InformerSurroundings, projectMetadata, WatchInformer } from '@dormouse/operator/cache';
import { type ClassLookup, findClass } from '@dormouse/operator/class';
import { resources } from '@dormouse/operator/kube';
import { Refusal } from './http/refusal.ts';

/** All classes, as the watch of this replica shows them: their providers, prices, ceilings, buckets, and what they let out. */
export class Classes {
  readonly informer: WatchInformer<AgentWorkspaceClass, AgentWorkspaceClass>;

  constructor(around: InformerSurroundings) {
    this.informer = new WatchInformer({ resource: resources.classes, project: projectClass }, around);
  }

  /** The class in force for a workspace: the one that it names, else the default one. */
  find(workspace: AgentWorkspace): ClassLookup {
    const { informer } = this;
    return findClass(
      workspace,
      (name) => informer.get({ name }),
      () => informer.list(),
    );
  }

  /** The same. @throws Refusal where there is none. */
  of(workspace: AgentWorkspace): AgentWorkspaceClass {
    const lookup = this.find(workspace);
    if (lookup.found !== undefined) return lookup.found;
    const message =
      lookup.missing === undefined
        ? 'No AgentWorkspaceClass is the default one.'
        : `AgentWorkspaceClass ${lookup.missing} does not exist.`;
    throw new Refusal('unavailable', message, { 'retry-after': '5' });
  }
}

/** What the gateway reads of a class. */
function projectClass({ apiVersion, kind, metadata, spec }: AgentWorkspaceClass): AgentWorkspaceClass {
  const { model, ceilings, egress, archive, messages } = spec;
  return {
    apiVersion,
    kind,
    metadata: projectMetadata(metadata),
    spec: {
      ...{ model, ceilings },
      ...(egress === undefined ? {} : { egress }),
      ...(archive === undefined ? {} : { archive }),
      ...(messages === undefined ? {} : { messages }),
    } as typeof spec,
  };
}
