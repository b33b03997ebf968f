import type { AgentWorkspace, AgentWorkspaceClass } from '@dormouse/crds';
import { type InformerSurroundings, projectMetadata, WatchInformer } from '@dormouse/operator/cache';
import { findClass } from '@dormouse/operator/class';
import { resources } from '@dormouse/operator/kube';
import { Refusal } from '../http/refusal.ts';

/** All classes: their providers, prices and ceilings. */
export class Classes {
  readonly informer: WatchInformer<AgentWorkspaceClass, AgentWorkspaceClass>;

  constructor(around: InformerSurroundings) {
    this.informer = new WatchInformer({ resource: resources.classes, project: projectClass }, around);
  }

  /** @throws Refusal where there is none. */
  of(workspace: AgentWorkspace): AgentWorkspaceClass {
    const found = findClass(
      workspace,
      (name) => this.informer.get({ name }),
      () => this.informer.list(),
    );
    if (found.found !== undefined) return found.found;
    const message =
      found.missing === undefined
        ? 'No AgentWorkspaceClass is the default one.'
        : `AgentWorkspaceClass ${found.missing} does not exist.`;
    throw new Refusal('unavailable', message, { 'retry-after': '5' });
  }
}

/** What the gateway reads of a class. */
function projectClass({ apiVersion, kind, metadata, spec }: AgentWorkspaceClass): AgentWorkspaceClass {
  const { model, ceilings } = spec;
  return { apiVersion, kind, metadata: projectMetadata(metadata), spec: { model, ceilings } as typeof spec };
}
