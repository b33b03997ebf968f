import type { AgentWorkspace } from '@dormouse/crds';
import { resources } from '../kube/index.ts';
import type { Work } from './apply.ts';
import { StaleError, type Surroundings } from './surroundings.ts';

/** Before anything is created or cannot be undone, the API server must agree that the workspace is as it was seen. */
export async function confirm(work: Work, { kube }: Surroundings): Promise<AgentWorkspace> {
  const { workspace, snapshot } = work;
  if (workspace === undefined) throw new StaleError('the workspace is gone');
  if (work.confirmed) return workspace;
  const live = await kube.get(resources.workspaces, snapshot.name);
  const same =
    live.metadata.uid === workspace.metadata.uid &&
    live.metadata.resourceVersion === workspace.metadata.resourceVersion;
  if (!same) throw new StaleError('the workspace changed since it was seen');
  work.confirmed = true;
  return workspace;
}
