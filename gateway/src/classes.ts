import type { AgentWorkspace, AgentWorkspaceClass } from '@dormouse/crds';
import { type InformerSurroundings, projectWhole, WatchInformer } from '@dormouse/operator/cache';
import { findClass } from '@dormouse/operator/class';
import { resources } from '@dormouse/operator/kube';

/** All classes, as the watch of this replica shows them. */
export class Classes {
  readonly informer: WatchInformer<AgentWorkspaceClass, AgentWorkspaceClass>;

  constructor(around: InformerSurroundings) {
    this.informer = new WatchInformer({ resource: resources.classes, project: projectWhole }, around);
  }

  /** The class in force for a workspace: the one that it names, else the default one. */
  of(workspace: AgentWorkspace): AgentWorkspaceClass | undefined {
    const { informer } = this;
    return findClass(
      workspace,
      (name) => informer.get({ name }),
      () => informer.list(),
    ).found;
  }
}
