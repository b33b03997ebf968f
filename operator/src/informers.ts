import { workspaceLabel } from '@dormouse/crds';
import { type InformerSurroundings, projectWhole, WatchInformer } from './cache/index.ts';
import { resources } from './kube/index.ts';
import {
  byReference,
  bySource,
  projectClaim,
  projectMessage,
  projectPod,
  referenceOf,
  sourceOf,
} from './workspace/caches.ts';
import type { Informers } from './workspace/controller.ts';

/** One list and watch a kind: all that the operator knows of the cluster. */
export function createInformers(around: InformerSurroundings): Informers {
  const indexes = { [byReference]: referenceOf };
  return {
    workspaces: new WatchInformer(
      { resource: resources.workspaces, project: projectWhole, indexes: { [bySource]: sourceOf } },
      around,
    ),
    classes: new WatchInformer({ resource: resources.classes, project: projectWhole }, around),
    pods: new WatchInformer(
      { resource: resources.pods, labelSelector: workspaceLabel, project: projectPod },
      around,
    ),
    claims: new WatchInformer(
      {
        resource: resources.persistentVolumeClaims,
        labelSelector: workspaceLabel,
        project: projectClaim,
      },
      around,
    ),
    checkpoints: new WatchInformer(
      { resource: resources.checkpoints, project: projectWhole, indexes },
      around,
    ),
    messages: new WatchInformer({ resource: resources.messages, project: projectMessage, indexes }, around),
    volumeSnapshots: new WatchInformer(
      {
        resource: resources.volumeSnapshots,
        labelSelector: workspaceLabel,
        project: projectWhole,
        optional: true,
      },
      around,
    ),
  };
}
